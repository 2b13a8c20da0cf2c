import { z } from 'zod';
import { parsePublicKey } from '../auth/public-key.ts';

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
  LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).prefault('info'),
    'trace, debug, info, warn, error, fatal or silent',
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

  NOTIFICATIONS_URL: setting(url('http:', 'https:').optional(), 'http(s)://host:port', {
    aliases: ['grpc.clientAddresses.notifications'],
    fileKey: 'grpc.clientAddresses.notifications',
  }),
  NOTIFICATIONS_TOKEN: setting(z.string().optional(), 'a bearer token', { secret: true }),

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

  CORS_ORIGINS: setting(
    list(z.string().refine(isOrigin)).optional(),
    'origins separated by commas, for example https://app.example.org; * for any, not with MODE=PROD',
  ),
  MAX_REQUEST_BYTES: setting(integer(1024, 16_777_216).prefault('65536'), '1024 to 16777216 bytes'),
  MAX_CONTENT_CHARS: setting(integer(1, 1_000_000).prefault('8192'), '1 to 1000000 characters'),
  MAX_PARTICIPANTS_PER_CALL: setting(integer(1, 10_000).prefault('1000'), '1 to 10000'),
  MAX_GROUP_MEMBERS: setting(integer(2, 1_000_000).prefault('100000'), '2 to 1000000'),

  STREAM_HEARTBEAT_MS: setting(integer(100, 300_000).prefault('15000'), '100 to 300000 milliseconds'),
  STREAM_BUFFER: setting(integer(1, 100_000).prefault('1000'), '1 to 100000 events'),
  STREAM_CONSUMERS: setting(z.enum(['shared', 'per-client']).prefault('shared'), 'shared or per-client'),
  MAX_STREAMS_PER_USER: setting(integer(0, 100_000).prefault('10'), '0 (no limit) to 100000'),
} satisfies Record<string, Setting>;

/** Every setting's value. */
export type Values = { readonly [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]['schema']> };

/** Where to listen. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

function setting<S extends z.ZodType<unknown, string | undefined>>(
  schema: S,
  allowed: string,
  options: Partial<Pick<Setting, 'aliases' | 'fileKey' | 'secret'>> = {},
): Omit<Setting, 'schema'> & { readonly schema: S } {
  const { aliases = [], fileKey, secret = false } = options;
  return { aliases, fileKey, secret, allowed, schema };
}

/** Go's boolean texts. */
function flag() {
  return z
    .enum(['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False'])
    .transform((text) => /^[1tT]/.test(text));
}

function integer(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max);
}

function hex(digits: number) {
  return z.string().regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`));
}

function url(...protocols: readonly string[]) {
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol));
}

function list<S extends z.ZodType<string, string>>(item: S) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1));
}

/** `prod` in another spelling would start a development service in production: refused. */
function modeText() {
  return z
    .string()
    .refine((text) => text === 'PROD' || !/^prod(uction)?$/i.test(text))
    .prefault('');
}

function cookieName() {
  return z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/);
}

/** `host:port`, `[v6]:port`, or `:port` for every interface. */
function address() {
  return z.string().transform((text, context): Address => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
    const port = Number(match?.[3]);
    if (match === null || port > 65_535) {
      context.addIssue({ code: 'custom' });
      return z.NEVER;
    }
    return { host: match[1] ?? (match[2] === '' ? '0.0.0.0' : (match[2] ?? '')), port };
  });
}

function isOrigin(text: string): boolean {
  return text === '*' || (URL.canParse(text) && new URL(text).origin === text);
}

function isPublicKey(pem: string): boolean {
  try {
    parsePublicKey(pem);
    return true;
  } catch {
    return false;
  }
}
