import type { Config, NatsConfig, RateLimits, RedisConfig, ScyllaSettings, TokenKeys } from '../config.ts';
import { scyllaRoles } from './conflicts.ts';
import type { Values } from './settings.ts';

/** The configuration that the values make, with what is not set filled in. */
export function buildConfig(values: Values): Config {
  const production = values.MODE === 'PROD';
  const url = values.DATABASE_URL ?? postgresUrl(values);
  const { CHAT_KEY: key, CHAT_IV: iv } = values;
  return {
    production,
    server: values.SERVER_ADDRESS ?? { host: production ? '0.0.0.0' : '127.0.0.1', port: 8080 },
    dataDir: values.DATA_DIR,
    demoData: values.DEMO_DATA ?? url === undefined,
    publicDocs: values.PUBLIC_DOCS ?? !production,
    webUi: values.WEB_UI ?? !production,
    log: { level: values.NO_LOGS ? 'silent' : values.LOG_LEVEL },
    database: { url, maxConnections: values.DATABASE_MAX_CONNECTIONS },
    scylla: scyllaOf(values),
    nats: natsOf(values),
    redis: redisOf(values),
    notifications: {
      url: values.NOTIFICATIONS_URL,
      token: values.NOTIFICATIONS_TOKEN,
      breaker: {
        failures: values.NOTIFICATIONS_BREAKER_FAILURES,
        resetMs: values.NOTIFICATIONS_BREAKER_RESET_MS,
      },
    },
    auth: {
      keys: keysOf(values),
      issuer: values.JWT_ISSUER,
      audience: values.JWT_AUDIENCE,
      sessionCookie: values.SESSION_COOKIE_NAME,
      clientIdCookie: values.CLIENT_ID_COOKIE_NAME,
      secureCookies: values.SECURE_COOKIES,
      cookieDomain: values.SERVER_DOMAIN,
    },
    masterKey: key === undefined || iv === undefined ? undefined : { key, iv },
    storePlaintext: values.STORE_PLAINTEXT,
    corsOrigins: corsOf(values, production),
    limits: {
      maxRequestBytes: values.MAX_REQUEST_BYTES,
      maxContentChars: values.MAX_CONTENT_CHARS,
      maxParticipantsPerCall: values.MAX_PARTICIPANTS_PER_CALL,
      maxGroupMembers: values.MAX_GROUP_MEMBERS,
    },
    rateLimits: rateLimitsOf(values, production || url !== undefined),
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    metrics: { enabled: values.METRICS_ENABLED, port: values.METRICS_PORT },
    tracing: {
      endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
      serviceName: values.OTEL_SERVICE_NAME,
      sampleRatio: values.OTEL_TRACES_SAMPLER_ARG,
    },
    streams: {
      heartbeatMs: values.STREAM_HEARTBEAT_MS,
      buffer: values.STREAM_BUFFER,
      consumers: values.STREAM_CONSUMERS,
      maxPerUser: values.MAX_STREAMS_PER_USER,
    },
  };
}

function postgresUrl(values: Values): string | undefined {
  if (values.POSTGRES_HOST === undefined) return undefined;
  const part = encodeURIComponent;
  const login = `${part(values.POSTGRES_USER)}:${part(values.POSTGRES_PASSWORD)}`;
  return `postgres://${login}@${values.POSTGRES_HOST}:${values.POSTGRES_PORT}/${part(values.POSTGRES_DB)}`;
}

function scyllaOf(values: Values): ScyllaSettings {
  const { SCYLLA_USERNAME: username, SCYLLA_PASSWORD: password } = values;
  const hosts = values.SCYLLA_HOSTS ?? ['127.0.0.1'];
  return {
    hosts: hosts.map((host) => (/:\d+$/.test(host) ? host : `${host}:${values.CASSANDRA_PORT}`)),
    keyspace: values.SCYLLA_KEYSPACE,
    replicationFactor: values.SCYLLA_REPLICATION_FACTOR,
    consistency: values.SCYLLA_CONSISTENCY,
    datacenter: values.SCYLLA_DATACENTER,
    login: username === undefined || password === undefined ? undefined : { username, password },
    timeoutMs: values.SCYLLA_TIMEOUT_MS,
    breakerFailures: values.SCYLLA_BREAKER_FAILURES,
    breakerResetMs: values.SCYLLA_BREAKER_RESET_MS,
    roles: scyllaRoles(values),
  };
}

function redisOf(values: Values): RedisConfig | undefined {
  const { REDIS_HOST: host, REDIS_PORT: port } = values;
  const urls = values.REDIS_URL ?? (host === undefined ? undefined : [`redis://${host}:${port}`]);
  if (urls === undefined) return undefined;
  return {
    urls,
    password: values.REDIS_PASSWORD,
    cluster: values.REDIS_CLUSTER,
    timeoutMs: values.REDIS_TIMEOUT_MS,
    breaker: { failures: values.REDIS_BREAKER_FAILURES, resetMs: values.REDIS_BREAKER_RESET_MS },
  };
}

/** Behaviour R1 and its like; who develops with everything embedded is not limited unless he asks for it. */
function rateLimitsOf(values: Values, limited: boolean): RateLimits {
  const otherwise = (perMinute: number): number => (limited ? perMinute : 0);
  return {
    messagesPerUser: values.RATE_LIMIT_USER_PER_MINUTE ?? otherwise(60),
    messagesPerUserAndRoom: values.RATE_LIMIT_ROOM_PER_MINUTE ?? otherwise(30),
    savedTokens: values.RATE_LIMIT_TOKENS_PER_MINUTE ?? otherwise(10),
    createdRooms: values.RATE_LIMIT_ROOMS_PER_MINUTE ?? otherwise(30),
    openedStreams: values.RATE_LIMIT_STREAMS_PER_MINUTE ?? otherwise(60),
    polls: values.RATE_LIMIT_POLLS_PER_MINUTE ?? otherwise(600),
    failedAuthentications: values.RATE_LIMIT_AUTH_FAILURES_PER_MINUTE ?? otherwise(60),
  };
}

function natsOf(values: Values): NatsConfig | undefined {
  if (values.NATS_URL === undefined) return undefined;
  return {
    servers: values.NATS_URL,
    user: values.NATS_USER,
    password: values.NATS_PASSWORD,
    token: values.NATS_TOKEN,
    jsDomain: values.NATS_JS_DOMAIN,
  };
}

function keysOf(values: Values): TokenKeys | undefined {
  if (values.JWT_JWKS_URL !== undefined) return { kind: 'jwks', url: values.JWT_JWKS_URL };
  if (values.JWT_PUBLIC_KEY !== undefined) return { kind: 'publicKey', pem: values.JWT_PUBLIC_KEY };
  return values.JWT_SECRET === undefined ? undefined : { kind: 'secret', secret: values.JWT_SECRET };
}

/** Nothing set: every origin while developing, none in production. */
function corsOf(values: Values, production: boolean): readonly string[] | 'any' {
  const origins = values.CORS_ORIGINS ?? (production ? [] : ['*']);
  return origins.includes('*') ? 'any' : origins;
}
