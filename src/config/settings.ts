import { z } from 'zod';
import {
  address,
  addressRange,
  cookieName,
  flag,
  hex,
  hostName,
  integer,
  isOrigin,
  isPublicKey,
  list,
  modeText,
  ratio,
  redisAddress,
  url,
} from './texts.ts';

export type { Address } from './texts.ts';

/** One setting: where its text comes from, what is allowed, and how it is shown when it is wrong. */
export interface Setting<T = unknown> {
  /** Other names in the environment; the setting's own name wins. */
  readonly aliases: readonly string[];
  /** Dotted key in the JSON file. */
  readonly fileKey: string | undefined;
  /** The value is never shown. */
  readonly secret: boolean;
  /** What may be written, for the message about a wrong value. */
  readonly allowed: string;
  /** Takes the text, or undefined when it is not set. */
  readonly schema: z.ZodType<T, string | undefined>;
}

/** What the inherited service takes when nothing is set; refused in production. */
export const DEFAULT_PASSWORD = 'password';

/** Every setting by its name in the environment. Numbers, defaults and spellings: behaviour 5.1, extensions 6, 8, 11, 12. */
export const SETTINGS = {
  MODE: setting(modeText(), 'PROD for production; anything else, for example DEV, is development'),
  SERVER_ADDRESS: setting(address().optional(), 'host:port, for example 127.0.0.1:8080', {
    fileKey: 'server.address',
  }),
  DATA_DIR: setting(z.string().prefault('.data'), 'a folder, or memory:'),
  DEMO_DATA: setting(flag().optional(), 'true or false'),
  PUBLIC_DOCS: setting(flag().optional(), 'true or false'),
  WEB_UI: setting(flag().optional(), 'true or false'),
  LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).prefault('info'),
    'trace, debug, info, warn, error, fatal or silent',
    { fileKey: 'log.level' },
  ),
  NO_LOGS: setting(flag().prefault('false'), 'true or false'),

  DATABASE_URL: setting(
    url('postgres:', 'postgresql:').optional(),
    'postgres://user:password@host:port/database',
    {
      fileKey: 'database.connectionString',
      secret: true,
    },
  ),
  POSTGRES_HOST: setting(z.string().optional(), 'a host name'),
  POSTGRES_PORT: setting(integer(1, 65_535).prefault('5432'), 'a port, 1 to 65535'),
  POSTGRES_DB: setting(z.string().prefault('chat_db'), 'a database name'),
  POSTGRES_USER: setting(z.string().prefault('user'), 'a user name'),
  POSTGRES_PASSWORD: setting(z.string().prefault(DEFAULT_PASSWORD), 'a password', { secret: true }),
  DATABASE_MAX_CONNECTIONS: setting(integer(2, 1000).prefault('20'), '2 to 1000', {
    fileKey: 'database.maxOpenConnections',
  }),

  USE_SCYLLADB: setting(flag().optional(), 'true or false'),
  USE_SCYLLA_READS: setting(flag().optional(), 'true or false'),
  USE_SCYLLA_WRITES: setting(flag().optional(), 'true or false'),
  SYNC_TO_SCYLLA: setting(flag().prefault('false'), 'true or false'),
  SCYLLA_HOSTS: setting(
    list(z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+)(:\d{1,5})?$/)).optional(),
    'host or host:port, several separated by commas',
    { aliases: ['CASSANDRA_HOSTS'], fileKey: 'cassandra.hosts' },
  ),
  CASSANDRA_PORT: setting(integer(1, 65_535).prefault('9042'), 'a port, 1 to 65535, of hosts without one'),
  SCYLLA_KEYSPACE: setting(
    z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,47}$/)
      .prefault('chat_keyspace'),
    'a keyspace name: lower-case letters, digits and underscores, at most 48 characters',
    { aliases: ['CASSANDRA_KEYSPACE'], fileKey: 'cassandra.keyspace' },
  ),
  SCYLLA_CONSISTENCY: setting(
    z.enum(['LOCAL_QUORUM', 'QUORUM', 'ALL']).prefault('LOCAL_QUORUM'),
    'LOCAL_QUORUM, QUORUM or ALL: with less, what was just written might not be read',
    { fileKey: 'cassandra.consistency' },
  ),
  SCYLLA_REPLICATION_FACTOR: setting(integer(1, 9).prefault('1'), '1 to 9 copies in each data center'),
  SCYLLA_DATACENTER: setting(z.string().optional(), 'the name of the nearest data center'),
  SCYLLA_USERNAME: setting(z.string().optional(), 'a user name', { fileKey: 'cassandra.username' }),
  SCYLLA_PASSWORD: setting(z.string().optional(), 'a password', {
    fileKey: 'cassandra.password',
    secret: true,
  }),
  SCYLLA_TIMEOUT_MS: setting(integer(100, 60_000).prefault('3000'), '100 to 60000 milliseconds'),
  SCYLLA_BREAKER_FAILURES: setting(integer(1, 1000).prefault('5'), '1 to 1000 failures in a row'),
  SCYLLA_BREAKER_RESET_MS: setting(integer(100, 300_000).prefault('5000'), '100 to 300000 milliseconds'),

  NATS_URL: setting(
    list(url('nats:', 'tls:', 'ws:', 'wss:')).optional(),
    'nats://host:port, several separated by commas',
    { fileKey: 'nats.addrs', secret: true },
  ),
  NATS_USER: setting(z.string().optional(), 'a user name', { fileKey: 'nats.user' }),
  NATS_PASSWORD: setting(z.string().optional(), 'a password', { fileKey: 'nats.password', secret: true }),
  NATS_TOKEN: setting(z.string().optional(), 'a token', { fileKey: 'nats.token', secret: true }),
  NATS_JS_DOMAIN: setting(z.string().optional(), 'a JetStream domain', { fileKey: 'nats.jsDomain' }),

  REDIS_URL: setting(
    list(redisAddress()).optional(),
    'redis://:password@host:port, rediss:// for TLS, or host:port; several separated by commas with REDIS_CLUSTER',
    { aliases: ['REDIS_ADDR'], fileKey: 'cache.redis.addrs', secret: true },
  ),
  REDIS_HOST: setting(z.string().optional(), 'a host name'),
  REDIS_PORT: setting(integer(1, 65_535).prefault('6379'), 'a port, 1 to 65535'),
  REDIS_PASSWORD: setting(z.string().optional(), 'a password', {
    fileKey: 'cache.redis.password',
    secret: true,
  }),
  REDIS_CLUSTER: setting(flag().prefault('false'), 'true or false', { fileKey: 'cache.redis.isCluster' }),
  REDIS_TIMEOUT_MS: setting(integer(1, 10_000).prefault('50'), '1 to 10000 milliseconds'),
  REDIS_BREAKER_FAILURES: setting(integer(1, 1000).prefault('5'), '1 to 1000 failures in a row'),
  REDIS_BREAKER_RESET_MS: setting(integer(100, 300_000).prefault('5000'), '100 to 300000 milliseconds'),

  NOTIFICATIONS_URL: setting(url('http:', 'https:').optional(), 'http(s)://host:port', {
    aliases: ['grpc.clientAddresses.notifications'],
    fileKey: 'grpc.clientAddresses.notifications',
  }),
  NOTIFICATIONS_TOKEN: setting(z.string().optional(), 'a bearer token', { secret: true }),

  NOTIFICATIONS_BREAKER_FAILURES: setting(integer(1, 1000).prefault('5'), '1 to 1000 failures in a row'),
  NOTIFICATIONS_BREAKER_RESET_MS: setting(
    integer(100, 300_000).prefault('30000'),
    '100 to 300000 milliseconds',
  ),

  JWT_JWKS_URL: setting(url('http:', 'https:').optional(), 'http(s) address of a key set'),
  JWT_PUBLIC_KEY: setting(
    z.string().refine(isPublicKey).optional(),
    'a public key in PEM: RSA of at least 2048 bits, EC P-256 or Ed25519',
    { fileKey: 'security.rsa.publicKey', secret: true },
  ),
  JWT_SECRET: setting(
    z
      .string()
      .refine((text) => Buffer.byteLength(text) >= 32)
      .optional(),
    'at least 32 bytes',
    { secret: true },
  ),
  JWT_ISSUER: setting(z.string().optional(), 'the expected claim iss'),
  JWT_AUDIENCE: setting(z.string().optional(), 'the expected claim aud'),
  SESSION_COOKIE_NAME: setting(cookieName().prefault('chat-access-token'), 'a cookie name'),
  CLIENT_ID_COOKIE_NAME: setting(cookieName().prefault('chat-client-id'), 'a cookie name'),
  SECURE_COOKIES: setting(flag().prefault('false'), 'true or false'),
  SERVER_DOMAIN: setting(hostName().optional(), 'a host name, for example example.org'),

  CHAT_KEY: setting(hex(64).optional(), 'exactly 64 hex digits', {
    aliases: ['chat.key'],
    fileKey: 'chat.key',
    secret: true,
  }),
  CHAT_IV: setting(hex(32).optional(), 'exactly 32 hex digits', {
    aliases: ['chat.iv'],
    fileKey: 'chat.iv',
    secret: true,
  }),
  STORE_PLAINTEXT: setting(flag().prefault('false'), 'true or false'),

  METRICS_ENABLED: setting(flag().prefault('true'), 'true or false'),
  METRICS_PORT: setting(integer(0, 65_535).optional(), 'a port, 0 to 65535; 0 picks a free one'),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    url('http:', 'https:').optional(),
    'http(s)://host:port of an OTLP/HTTP receiver',
  ),
  OTEL_SERVICE_NAME: setting(z.string().prefault('connect-chat'), 'a name'),
  OTEL_TRACES_SAMPLER_ARG: setting(ratio().prefault('1'), 'the share of traces that are kept, 0 to 1'),

  CORS_ORIGINS: setting(
    list(z.string().refine(isOrigin)).optional(),
    'origins separated by commas, for example https://app.example.org; * for any, not with MODE=PROD',
  ),
  MAX_REQUEST_BYTES: setting(integer(1024, 16_777_216).prefault('65536'), '1024 to 16777216 bytes'),
  MAX_CONTENT_CHARS: setting(integer(1, 1_000_000).prefault('8192'), '1 to 1000000 characters'),
  MAX_PARTICIPANTS_PER_CALL: setting(integer(1, 10_000).prefault('1000'), '1 to 10000'),
  MAX_GROUP_MEMBERS: setting(integer(2, 1_000_000).prefault('100000'), '2 to 1000000'),

  RATE_LIMIT_USER_PER_MINUTE: limit('rateLimits.messagesPerUser'),
  RATE_LIMIT_ROOM_PER_MINUTE: limit('rateLimits.messagesPerUserAndRoom'),
  RATE_LIMIT_TOKENS_PER_MINUTE: limit('rateLimits.savedTokens'),
  RATE_LIMIT_ROOMS_PER_MINUTE: limit('rateLimits.createdRooms'),
  RATE_LIMIT_STREAMS_PER_MINUTE: limit('rateLimits.openedStreams'),
  RATE_LIMIT_POLLS_PER_MINUTE: limit('rateLimits.polls'),
  RATE_LIMIT_AUTH_FAILURES_PER_MINUTE: limit('rateLimits.failedAuthentications'),
  TRUSTED_PROXIES: setting(
    list(addressRange()).optional(),
    'addresses or CIDR ranges of proxies whose X-Forwarded-For is believed, separated by commas',
  ),

  STREAM_HEARTBEAT_MS: setting(integer(100, 300_000).prefault('15000'), '100 to 300000 milliseconds'),
  STREAM_BUFFER: setting(integer(1, 100_000).prefault('1000'), '1 to 100000 events'),
  STREAM_CONSUMERS: setting(z.enum(['shared', 'per-client']).prefault('shared'), 'shared or per-client'),
  MAX_STREAMS_PER_USER: setting(integer(0, 100_000).prefault('10'), '0 (no limit) to 100000'),
} satisfies Record<string, Setting>;

/** Every setting's value. */
export type Values = { readonly [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };

function setting<S extends z.ZodType<unknown, string | undefined>>(
  schema: S,
  allowed: string,
  options: Partial<Pick<Setting, 'aliases' | 'fileKey' | 'secret'>> = {},
): Omit<Setting, 'schema'> & { readonly schema: S } {
  const { aliases = [], fileKey, secret = false } = options;
  return { aliases, fileKey, secret, allowed, schema };
}

/** So many in a minute; what is not set is off while everything is embedded. */
function limit(fileKey: string) {
  return setting(integer(0, 1_000_000).optional(), '0 (no limit) to 1000000 a minute', { fileKey });
}
