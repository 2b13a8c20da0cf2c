import { conflicts, type ScyllaRoles, scyllaConflicts, scyllaRoles } from './config/conflicts.ts';
import { type Address, SETTINGS, type Setting, type Values } from './config/settings.ts';
import { openSources, type Problem, type Sources, variableWarnings } from './config/sources.ts';

/** Everything that can be set, checked and with defaults filled in. */
export interface Config {
  /** `MODE=PROD`: no stand-ins, no generated secrets, no reflected origins. */
  readonly production: boolean;
  /** Port 0 picks a free one. */
  readonly server: Address;
  /** Folder of embedded data and generated secrets; `memory:` keeps nothing. */
  readonly dataDir: string;
  /** Fill an empty database with demo users, rooms and messages. */
  readonly demoData: boolean;
  readonly log: { readonly level: string };
  /** `url` undefined: embedded. */
  readonly database: { readonly url: string | undefined; readonly maxConnections: number };
  readonly scylla: ScyllaSettings;
  /** Undefined: the in-process broker. */
  readonly nats: NatsConfig | undefined;
  /** `url` undefined: notifications are only logged. */
  readonly notifications: { readonly url: string | undefined; readonly token: string | undefined };
  readonly auth: AuthConfig;
  /** The master key (64 hex digits) and IV (32); undefined: made at first start. */
  readonly masterKey: { readonly key: string; readonly iv: string } | undefined;
  /** Store clear text of messages too. */
  readonly storePlaintext: boolean;
  /** Origins that may call from a browser; `any` reflects every origin. */
  readonly corsOrigins: readonly string[] | 'any';
  readonly limits: {
    /** Of one request message, after decompression. */
    readonly maxRequestBytes: number;
    readonly maxContentChars: number;
    readonly maxParticipantsPerCall: number;
    readonly maxGroupMembers: number;
  };
  readonly streams: {
    readonly heartbeatMs: number;
    /** Undelivered events of a stream before it ends. */
    readonly buffer: number;
    readonly consumers: 'shared' | 'per-client';
    /** 0: no limit. */
    readonly maxPerUser: number;
  };
}

/** ScyllaDB or Cassandra: how to reach it, and what it is used for. */
export interface ScyllaSettings {
  /** `host:port`. */
  readonly hosts: readonly string[];
  readonly keyspace: string;
  /** Copies of each row in each data center that `migrate` asks for. */
  readonly replicationFactor: number;
  readonly consistency: 'LOCAL_QUORUM' | 'QUORUM' | 'ALL';
  /** Undefined: that of the first host that answers. */
  readonly datacenter: string | undefined;
  readonly login: { readonly username: string; readonly password: string } | undefined;
  /** Of one request, milliseconds. */
  readonly timeoutMs: number;
  /** So many failures in a row, and requests are refused for that long. */
  readonly breakerFailures: number;
  readonly breakerResetMs: number;
  /** Undefined: not used. */
  readonly roles: ScyllaRoles | undefined;
}

/** How to reach the broker. */
export interface NatsConfig {
  readonly servers: readonly string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  readonly jsDomain: string | undefined;
}

/** How callers are recognised. */
export interface AuthConfig {
  /** What verifies tokens; undefined: a secret made at first start. */
  readonly keys: TokenKeys | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly sessionCookie: string;
  readonly clientIdCookie: string;
}

/** Exactly one source of keys. */
export type TokenKeys =
  | { readonly kind: 'jwks'; readonly url: string }
  | { readonly kind: 'publicKey'; readonly pem: string }
  | { readonly kind: 'secret'; readonly secret: string };

/** The configuration is wrong; the text lists every problem, one a line. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ name, found, allowed }) => `  ${name}: ${found}; allowed: ${allowed}`);
    super(`invalid configuration:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads the configuration: environment, then the JSON file (`configFile`, else CONFIG_FILE), then defaults.
 * Throws a ConfigError with all problems at once. `warnings` name variables that have no effect.
 */
export function loadConfig(
  env: NodeJS.ProcessEnv,
  configFile?: string,
): { readonly config: Config; readonly warnings: readonly string[] } {
  const sources = openSources(env, configFile ?? (env.CONFIG_FILE || undefined));
  const { values, problems } = readValues(sources);
  const all = [...sources.problems, ...problems, ...scyllaConflicts(values), ...conflicts(values, problems)];
  if (all.length > 0) throw new ConfigError(all);
  return { config: build(values), warnings: [...variableWarnings(env), ...siblingWarnings(env, values)] };
}

/** The process's environment, for those who hand it on. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

/** Values of the settings; a wrong one is a problem and reads as its default. */
function readValues(sources: Sources): { readonly values: Values; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const read = (name: string, setting: Setting): unknown => {
    const text = sources.text(name, setting);
    const result = setting.schema.safeParse(text);
    if (result.success) return result.data;
    const found = setting.secret
      ? `a value of ${text?.length ?? 0} characters (hidden)`
      : JSON.stringify(text);
    problems.push({ name, found, allowed: setting.allowed });
    return setting.schema.parse(undefined);
  };
  const entries = Object.entries(SETTINGS).map(([name, setting]) => [name, read(name, setting)]);
  // The keys are those of SETTINGS and each value was parsed by its own schema.
  return { values: Object.fromEntries(entries) as Values, problems };
}

function siblingWarnings(env: NodeJS.ProcessEnv, values: Values): string[] {
  const siblings = ['POSTGRES_PORT', 'POSTGRES_DB', 'POSTGRES_USER', 'POSTGRES_PASSWORD'];
  const names = siblings.filter((name) => (env[name] ?? '') !== '');
  if (names.length === 0) return [];
  if (values.DATABASE_URL !== undefined) return [`${names.join(', ')} ignored: DATABASE_URL is set`];
  return values.POSTGRES_HOST === undefined ? [`${names.join(', ')} ignored: POSTGRES_HOST is not set`] : [];
}

function build(values: Values): Config {
  const production = values.MODE === 'PROD';
  const url = values.DATABASE_URL ?? postgresUrl(values);
  const { CHAT_KEY: key, CHAT_IV: iv } = values;
  return {
    production,
    server: values.SERVER_ADDRESS ?? { host: production ? '0.0.0.0' : '127.0.0.1', port: 8080 },
    dataDir: values.DATA_DIR,
    demoData: values.DEMO_DATA ?? url === undefined,
    log: { level: values.NO_LOGS ? 'silent' : values.LOG_LEVEL },
    database: { url, maxConnections: values.DATABASE_MAX_CONNECTIONS },
    scylla: scyllaOf(values),
    nats: natsOf(values),
    notifications: { url: values.NOTIFICATIONS_URL, token: values.NOTIFICATIONS_TOKEN },
    auth: {
      keys: keysOf(values),
      issuer: values.JWT_ISSUER,
      audience: values.JWT_AUDIENCE,
      sessionCookie: values.SESSION_COOKIE_NAME,
      clientIdCookie: values.CLIENT_ID_COOKIE_NAME,
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
