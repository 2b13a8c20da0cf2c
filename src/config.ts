import { type Address, DEFAULT_PASSWORD, SETTINGS, type Setting, type Values } from './config/settings.ts';
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
  const all = [...sources.problems, ...problems, ...unavailable(env), ...conflicts(values, problems)];
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

/** Parts of the inherited service that this version does not have. */
function unavailable(env: NodeJS.ProcessEnv): Problem[] {
  const names = ['USE_SCYLLADB', 'USE_SCYLLA_READS', 'USE_SCYLLA_WRITES', 'SYNC_TO_SCYLLA'];
  return names
    .filter((name) => /^(1|t|T|TRUE|true|True)$/.test(env[name] ?? ''))
    .map((name) => ({
      name,
      found: JSON.stringify(env[name]),
      allowed: 'false: not available in this version',
    }));
}

/** Settings that contradict each other, and what production lacks. `wrong` settings are not missing as well. */
function conflicts(values: Values, wrong: readonly Problem[]): Problem[] {
  const problems: Problem[] = [];
  const keys = ['JWT_JWKS_URL', 'JWT_PUBLIC_KEY', 'JWT_SECRET'] as const;
  const given = keys.filter((name) => values[name] !== undefined);
  if (given.length > 1) {
    problems.push({
      name: given.join(', '),
      found: `${given.length} are set`,
      allowed: `one of ${keys.join(', ')}`,
    });
  }
  const isWrong = (name: string): boolean => wrong.some((problem) => problem.name === name);
  const missing = (name: string, allowed: string): void => {
    if (!isWrong(name)) problems.push({ name, found: 'not set', allowed });
  };
  const isGiven = (name: keyof Values): boolean => values[name] !== undefined || isWrong(name);
  if (values.MODE !== 'PROD') {
    const pair = [['CHAT_KEY', 'CHAT_IV'] as const, ['CHAT_IV', 'CHAT_KEY'] as const];
    for (const [one, other] of pair) {
      if (isGiven(one) && !isGiven(other))
        missing(other, `set together with ${one}: ${SETTINGS[other].allowed}`);
    }
    return problems;
  }
  const needed = 'needed with MODE=PROD';
  if (values.DATABASE_URL === undefined && values.POSTGRES_HOST === undefined) {
    missing('DATABASE_URL', `${needed}: ${SETTINGS.DATABASE_URL.allowed}, or POSTGRES_HOST`);
  }
  // The inherited default is in every copy of the documentation.
  if (values.DATABASE_URL === undefined && values.POSTGRES_HOST !== undefined) {
    if (values.POSTGRES_PASSWORD === DEFAULT_PASSWORD)
      missing('POSTGRES_PASSWORD', `${needed}: another than the default`);
  }
  if (values.NATS_URL === undefined) missing('NATS_URL', `${needed}: ${SETTINGS.NATS_URL.allowed}`);
  if (given.length === 0 && !keys.some(isWrong))
    missing('JWT_JWKS_URL', `${needed}, or JWT_PUBLIC_KEY, or JWT_SECRET`);
  if (values.CHAT_KEY === undefined) missing('CHAT_KEY', `${needed}: ${SETTINGS.CHAT_KEY.allowed}`);
  if (values.CHAT_IV === undefined) missing('CHAT_IV', `${needed}: ${SETTINGS.CHAT_IV.allowed}`);
  if (values.CORS_ORIGINS?.includes('*') === true) {
    problems.push({ name: 'CORS_ORIGINS', found: '"*"', allowed: 'a list of origins with MODE=PROD' });
  }
  return problems;
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
