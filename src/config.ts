import { buildConfig } from './config/build.ts';
import { conflicts, redisConflicts, type ScyllaRoles, scyllaConflicts } from './config/conflicts.ts';
import { type Address, SETTINGS, type Setting, type Values } from './config/settings.ts';
import { type Found, openSources, type Problem, type Sources, variableWarnings } from './config/sources.ts';

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
  /** Descriptions of the API are served: reflection, OpenAPI and its page, proto files. */
  readonly publicDocs: boolean;
  /** The web chat is served at `/`. */
  readonly webUi: boolean;
  readonly log: { readonly level: string };
  /** `url` undefined: embedded. */
  readonly database: { readonly url: string | undefined; readonly maxConnections: number };
  readonly scylla: ScyllaSettings;
  /** Undefined: the in-process broker. */
  readonly nats: NatsConfig | undefined;
  /** Undefined: cache and limits are those of the process. */
  readonly redis: RedisConfig | undefined;
  readonly notifications: NotificationsConfig;
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
  readonly rateLimits: RateLimits;
  /** Their `X-Forwarded-For` is believed: addresses, or ranges in CIDR notation. */
  readonly trustedProxies: readonly string[];
  /** `port` undefined: on the main port. */
  readonly metrics: { readonly enabled: boolean; readonly port: number | undefined };
  readonly tracing: TracingConfig;
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

/** How to reach Redis, and how long it is waited for. */
export interface RedisConfig {
  /** `redis://` or `rediss://`; more than one only of a cluster. */
  readonly urls: readonly string[];
  /** Wins over the one in the address. */
  readonly password: string | undefined;
  readonly cluster: boolean;
  /** Of one request, milliseconds. */
  readonly timeoutMs: number;
  readonly breaker: BreakerConfig;
}

/** So many failures in a row, and nothing is asked for that long. */
export interface BreakerConfig {
  readonly failures: number;
  readonly resetMs: number;
}

/** Where pushes and topic calls go. */
export interface NotificationsConfig {
  /** Undefined: they are only logged. */
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly breaker: BreakerConfig;
}

/** So many in a minute, all of them at once if need be; 0: no limit. */
export interface RateLimits {
  readonly messagesPerUser: number;
  readonly messagesPerUserAndRoom: number;
  /** SaveToken, per user. */
  readonly savedTokens: number;
  /** CreateRoom, per user. */
  readonly createdRooms: number;
  /** StreamMessages, per user. */
  readonly openedStreams: number;
  /** Long polls, per user. */
  readonly polls: number;
  /** Per address. */
  readonly failedAuthentications: number;
}

/** Where traces go. */
export interface TracingConfig {
  /** Base address of an OTLP/HTTP receiver; undefined: no traces are made. */
  readonly endpoint: string | undefined;
  readonly serviceName: string;
  /** Share of the traces that begin here and are kept, 0 to 1. */
  readonly sampleRatio: number;
}

/** How callers are recognised. */
export interface AuthConfig {
  /** What verifies tokens; undefined: a secret made at first start. */
  readonly keys: TokenKeys | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly sessionCookie: string;
  readonly clientIdCookie: string;
  /** The client id cookie that REST hands out goes over TLS only. */
  readonly secureCookies: boolean;
  /** Of that cookie; undefined: the host that was asked. */
  readonly cookieDomain: string | undefined;
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
  const { config, problems, warnings } = examineConfig(env, configFile);
  if (problems.length > 0) throw new ConfigError(problems);
  return { config, warnings };
}

/** What was read, right or wrong. */
export interface ExaminedConfig {
  /** A wrong setting counts as one that is not set. */
  readonly config: Config;
  /** With any of them, a service does not start. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
  /** Where the text of a setting was found, by name; secrets included. */
  readonly found: ReadonlyMap<string, Found>;
}

/** Like {@link loadConfig}, for those who explain what is wrong: never throws for a setting. */
export function examineConfig(env: NodeJS.ProcessEnv, configFile?: string): ExaminedConfig {
  const sources = openSources(env, configFile ?? (env.CONFIG_FILE || undefined));
  const { values, problems, found } = readValues(sources);
  return {
    config: buildConfig(values),
    problems: [
      ...sources.problems,
      ...problems,
      ...scyllaConflicts(values),
      ...redisConflicts(values),
      ...conflicts(values, problems),
    ],
    warnings: [...variableWarnings(env), ...siblingWarnings(env, values)],
    found,
  };
}

/** The process's environment, for those who hand it on. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

/** Values of the settings; a wrong one is a problem and reads as its default. */
function readValues(sources: Sources) {
  const problems: Problem[] = [];
  const all = new Map<string, Found>();
  const read = (name: string, setting: Setting): unknown => {
    const source = sources.find(name, setting);
    if (source !== undefined) all.set(name, source);
    const text = source?.text;
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
  return { values: Object.fromEntries(entries) as Values, problems, found: all };
}

function siblingWarnings(env: NodeJS.ProcessEnv, values: Values): string[] {
  return [...postgresWarnings(env, values), ...redisWarnings(env, values)];
}

function redisWarnings(env: NodeJS.ProcessEnv, values: Values): string[] {
  const names = ['REDIS_PORT', 'REDIS_PASSWORD'].filter((name) => (env[name] ?? '') !== '');
  if (values.REDIS_URL !== undefined && (env.REDIS_HOST ?? '') !== '')
    return ['REDIS_HOST ignored: REDIS_URL is set'];
  return names.length > 0 && values.REDIS_URL === undefined && values.REDIS_HOST === undefined
    ? [`${names.join(', ')} ignored: neither REDIS_URL nor REDIS_HOST is set`]
    : [];
}

function postgresWarnings(env: NodeJS.ProcessEnv, values: Values): string[] {
  const siblings = ['POSTGRES_PORT', 'POSTGRES_DB', 'POSTGRES_USER', 'POSTGRES_PASSWORD'];
  const names = siblings.filter((name) => (env[name] ?? '') !== '');
  if (names.length === 0) return [];
  if (values.DATABASE_URL !== undefined) return [`${names.join(', ')} ignored: DATABASE_URL is set`];
  return values.POSTGRES_HOST === undefined ? [`${names.join(', ')} ignored: POSTGRES_HOST is not set`] : [];
}
