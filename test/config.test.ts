import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Config, ConfigError, loadConfig } from '../src/config.ts';

const KEY = 'ab'.repeat(32);
const IV = 'cd'.repeat(16);
const SECRET = 's3cr3t-'.repeat(6);
const PRODUCTION = {
  MODE: 'PROD',
  DATABASE_URL: 'postgres://chat:pw@db/chat',
  NATS_URL: 'nats://broker:4222',
  JWT_SECRET: SECRET,
  CHAT_KEY: KEY,
  CHAT_IV: IV,
};
const folder = mkdtempSync(join(tmpdir(), 'chat-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(env: NodeJS.ProcessEnv, file?: string): Config {
  return loadConfig(env, file).config;
}

function problems(env: NodeJS.ProcessEnv, file?: string): Record<string, string> {
  try {
    loadConfig(env, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { name, found, allowed } of error.problems) {
      expect(error.message).toContain(`${name}: ${found}; allowed: ${allowed}`);
    }
    return Object.fromEntries(error.problems.map(({ name, found }) => [name, found]));
  }
  return {};
}

function jsonFile(value: unknown): string {
  const path = join(folder, `${crypto.randomUUID()}.json`);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

describe('defaults', () => {
  test('everything is embedded and only reachable from this machine', () => {
    expect(load({})).toMatchObject({
      production: false,
      server: { host: '127.0.0.1', port: 8080 },
      dataDir: '.data',
      demoData: true,
      publicDocs: true,
      webUi: true,
      log: { level: 'info' },
      database: { url: undefined },
      nats: undefined,
      notifications: { url: undefined },
      auth: { keys: undefined, sessionCookie: 'chat-access-token', clientIdCookie: 'chat-client-id' },
      masterKey: undefined,
      storePlaintext: false,
      corsOrigins: 'any',
      limits: {
        maxRequestBytes: 65_536,
        maxContentChars: 8192,
        maxParticipantsPerCall: 1000,
        maxGroupMembers: 100_000,
      },
      streams: { heartbeatMs: 15_000, buffer: 1000, consumers: 'shared', maxPerUser: 10 },
    });
  });

  test('production listens everywhere, lets no foreign page in and makes no demo data', () => {
    expect(load(PRODUCTION)).toMatchObject({
      production: true,
      server: { host: '0.0.0.0', port: 8080 },
      corsOrigins: [],
      demoData: false,
      publicDocs: false,
      webUi: false,
      masterKey: { key: KEY, iv: IV },
      auth: { keys: { kind: 'secret', secret: SECRET } },
    });
  });

  test('descriptions are public where somebody says so', () => {
    expect(load({ ...PRODUCTION, PUBLIC_DOCS: 'true' }).publicDocs).toBe(true);
    expect(load({ PUBLIC_DOCS: 'false' }).publicDocs).toBe(false);
    expect(problems({ PUBLIC_DOCS: 'maybe' })).toHaveProperty('PUBLIC_DOCS');
    expect(load({ ...PRODUCTION, WEB_UI: 'true' }).webUi).toBe(true);
  });

  test('an empty variable counts as not set', () => {
    expect(load({ LOG_LEVEL: '', DATABASE_URL: '', MODE: '' })).toEqual(load({}));
  });

  test('a real database gets no demo data unless asked for', () => {
    expect(load({ DATABASE_URL: 'postgres://h/d' }).demoData).toBe(false);
    expect(load({ DATABASE_URL: 'postgres://h/d', DEMO_DATA: 'True' }).demoData).toBe(true);
    expect(load({ DEMO_DATA: '0' }).demoData).toBe(false);
  });
});

describe('sources', () => {
  test('environment wins over the file, the file over the default', () => {
    const file = jsonFile({
      server: { address: ':9000' },
      database: { connectionString: 'postgres://file/db', maxOpenConnections: 7 },
      nats: { addrs: ['nats://a:4222', 'nats://b:4222'], jsDomain: 'hub' },
      'chat.key': KEY,
      chat: { iv: IV },
    });
    const config = load({ DATABASE_URL: 'postgresql://env/db' }, file);
    expect(config.database).toEqual({ url: 'postgresql://env/db', maxConnections: 7 });
    expect(config.server).toEqual({ host: '0.0.0.0', port: 9000 });
    expect(config.nats).toMatchObject({ servers: ['nats://a:4222', 'nats://b:4222'], jsDomain: 'hub' });
    expect(config.masterKey).toEqual({ key: KEY, iv: IV });
    expect(load({ CONFIG_FILE: file }).server.port).toBe(9000);
  });

  test('names with dots are read too; the plain name wins', () => {
    const env = { 'chat.key': KEY, 'chat.iv': IV, 'grpc.clientAddresses.notifications': 'http://push:1' };
    expect(load(env)).toMatchObject({
      masterKey: { key: KEY, iv: IV },
      notifications: { url: 'http://push:1' },
    });
    expect(load({ ...env, CHAT_KEY: 'EF'.repeat(32) }).masterKey?.key).toBe('EF'.repeat(32));
  });

  test('POSTGRES_HOST and its siblings make a URL, with special characters kept', () => {
    const env = { POSTGRES_HOST: 'db', POSTGRES_USER: 'a b', POSTGRES_PASSWORD: 'p@/:?', POSTGRES_DB: 'x' };
    const url = new URL(load(env).database.url ?? '');
    expect([
      url.host,
      url.port,
      decodeURIComponent(url.username),
      decodeURIComponent(url.password),
      url.pathname,
    ]).toEqual(['db:5432', '5432', 'a b', 'p@/:?', '/x']);
    expect(loadConfig({ POSTGRES_DB: 'x' }).warnings).toEqual([
      'POSTGRES_DB ignored: POSTGRES_HOST is not set',
    ]);
  });

  test('an unreadable file and one that is not JSON are problems', () => {
    expect(problems({}, join(folder, 'missing.json'))).toHaveProperty('CONFIG_FILE');
    expect(problems({}, jsonFile('{'))).toHaveProperty('CONFIG_FILE');
    expect(problems({}, jsonFile({ server: { address: { host: 'x' } } }))).toHaveProperty('server.address');
  });

  test.each([
    ['[::1]:80', { host: '::1', port: 80 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    [':8080', { host: '0.0.0.0', port: 8080 }],
  ])('address %s', (text, address) => {
    expect(load({ SERVER_ADDRESS: text }).server).toEqual(address);
  });

  test.each(['8080', 'host', 'host:', 'host:99999', 'a:b:1', 'http://x:1'])('no address: %s', (text) => {
    expect(problems({ SERVER_ADDRESS: text })).toHaveProperty('SERVER_ADDRESS');
  });
});

describe('problems', () => {
  test('all are told at once, secrets only by their length', () => {
    const env = {
      LOG_LEVEL: 'loud',
      CHAT_KEY: 'topsecret',
      CHAT_IV: IV,
      JWT_SECRET: 'short',
      STREAM_BUFFER: '-1',
      MAX_REQUEST_BYTES: '1e9',
      STORE_PLAINTEXT: 'maybe',
      DATABASE_URL: 'mysql://root:hunter2@x',
    };
    const found = problems(env);
    expect(Object.keys(found).sort()).toEqual(
      Object.keys(env)
        .filter((name) => name !== 'CHAT_IV')
        .sort(),
    );
    expect(found.LOG_LEVEL).toBe('"loud"');
    const shown = JSON.stringify(found);
    for (const secret of ['topsecret', 'short', 'hunter2']) expect(shown).not.toContain(secret);
  });

  test('production names each missing setting on a line of its own', () => {
    expect(Object.keys(problems({ MODE: 'PROD' })).sort()).toEqual(
      ['CHAT_IV', 'CHAT_KEY', 'DATABASE_URL', 'JWT_JWKS_URL', 'NATS_URL'].sort(),
    );
    const parts = { ...PRODUCTION, DATABASE_URL: '', POSTGRES_HOST: 'db' };
    expect(Object.keys(problems(parts))).toEqual(['POSTGRES_PASSWORD']);
    expect(problems({ ...parts, POSTGRES_PASSWORD: 'own' })).toEqual({});
    expect(problems({ ...PRODUCTION, CORS_ORIGINS: '*' })).toHaveProperty('CORS_ORIGINS');
  });

  test.each(['prod', 'Prod', 'production'])('MODE=%s would start a development service', (mode) => {
    expect(problems({ MODE: mode })).toHaveProperty('MODE');
  });

  test('only one source of token keys', () => {
    const found = problems({ JWT_SECRET: SECRET, JWT_JWKS_URL: 'https://id/keys' });
    expect(found).toEqual({ 'JWT_JWKS_URL, JWT_SECRET': '2 are set' });
  });

  test('key and IV come together', () => {
    expect(problems({ CHAT_KEY: KEY })).toHaveProperty('CHAT_IV');
    expect(problems({ CHAT_IV: IV })).toHaveProperty('CHAT_KEY');
    expect(problems({ CHAT_KEY: KEY.slice(1), CHAT_IV: IV })).toHaveProperty('CHAT_KEY');
    expect(Object.keys(problems({ CHAT_KEY: 'wrong' })).sort()).toEqual(['CHAT_IV', 'CHAT_KEY']);
  });

  test('a private or weak key is no public key', () => {
    const pem = (bits: number): { privateKey: string; publicKey: string } =>
      generateKeyPairSync('rsa', {
        modulusLength: bits,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
    const good = pem(2048);
    expect(problems({ JWT_PUBLIC_KEY: good.publicKey.replaceAll('\n', '\\n') })).toEqual({});
    expect(problems({ JWT_PUBLIC_KEY: good.privateKey })).toHaveProperty('JWT_PUBLIC_KEY');
    expect(problems({ JWT_PUBLIC_KEY: pem(1024).publicKey })).toHaveProperty('JWT_PUBLIC_KEY');
    expect(problems({ JWT_PUBLIC_KEY: 'nonsense' })).toHaveProperty('JWT_PUBLIC_KEY');
  });

  test.each([
    [{ USE_SCYLLADB: 'true', USE_SCYLLA_READS: 'false' }, 'USE_SCYLLA_READS'],
    [{ USE_SCYLLADB: 'true', USE_SCYLLA_WRITES: 'false', SYNC_TO_SCYLLA: 'true' }, 'USE_SCYLLA_WRITES'],
    [{ USE_SCYLLA_WRITES: 'true' }, 'USE_SCYLLA_READS'],
    [{ USE_SCYLLA_WRITES: 'true', SYNC_TO_SCYLLA: 'true' }, 'USE_SCYLLA_READS'],
    [{ USE_SCYLLA_READS: 'true' }, 'SYNC_TO_SCYLLA'],
    [{ USE_SCYLLADB: 'yes' }, 'USE_SCYLLADB'],
    [{ SCYLLA_CONSISTENCY: 'ONE' }, 'SCYLLA_CONSISTENCY'],
    [{ SCYLLA_CONSISTENCY: 'local_quorum' }, 'SCYLLA_CONSISTENCY'],
    [{ SCYLLA_KEYSPACE: 'a; DROP' }, 'SCYLLA_KEYSPACE'],
    [{ SCYLLA_HOSTS: 'http://scylla:9042' }, 'SCYLLA_HOSTS'],
    [{ SCYLLA_USERNAME: 'chat' }, 'SCYLLA_PASSWORD'],
    [{ SCYLLA_PASSWORD: 'secret' }, 'SCYLLA_USERNAME'],
    [{ ...PRODUCTION, USE_SCYLLADB: 'true' }, 'SCYLLA_HOSTS'],
  ])('Scylla: %o', (env, name) => {
    expect(Object.keys(problems(env))).toEqual([name]);
    expect(JSON.stringify(problems(env))).not.toContain('secret');
  });
});

describe('Scylla', () => {
  test.each([
    [{}, undefined],
    [{ USE_SCYLLADB: 'false' }, undefined],
    [{ USE_SCYLLADB: 'T' }, { reads: true, writes: true, sync: false }],
    [
      { USE_SCYLLA_READS: 'true', USE_SCYLLA_WRITES: 'true' },
      { reads: true, writes: true, sync: false },
    ],
    [
      { USE_SCYLLADB: 'true', SYNC_TO_SCYLLA: 'true' },
      { reads: true, writes: true, sync: true },
    ],
    [{ SYNC_TO_SCYLLA: '1' }, { reads: false, writes: false, sync: true }],
    [
      { SYNC_TO_SCYLLA: 'true', USE_SCYLLA_READS: 'true' },
      { reads: true, writes: false, sync: true },
    ],
  ])('is used as %o says', (env, roles) => {
    expect(load(env).scylla.roles).toEqual(roles);
  });

  test('is reached under all inherited names', () => {
    expect(load({}).scylla).toMatchObject({ hosts: ['127.0.0.1:9042'], keyspace: 'chat_keyspace' });
    const inherited = {
      CASSANDRA_HOSTS: 'one, two:9043',
      CASSANDRA_PORT: '9142',
      CASSANDRA_KEYSPACE: 'chat',
    };
    expect(load(inherited).scylla).toMatchObject({ hosts: ['one:9142', 'two:9043'], keyspace: 'chat' });
    const path = join(folder, 'scylla.json');
    const cassandra = {
      hosts: ['a', 'b'],
      keyspace: 'kept',
      consistency: 'QUORUM',
      username: 'u',
      password: 'p',
    };
    writeFileSync(path, JSON.stringify({ cassandra }));
    expect(load({}, path).scylla).toMatchObject({
      hosts: ['a:9042', 'b:9042'],
      keyspace: 'kept',
      consistency: 'QUORUM',
      login: { username: 'u', password: 'p' },
    });
  });
});

describe('Redis', () => {
  test.each<[NodeJS.ProcessEnv, readonly string[]]>([
    [{ REDIS_URL: 'rediss://:pw@cache:6380/2' }, ['rediss://:pw@cache:6380/2']],
    [{ REDIS_ADDR: 'cache:6379' }, ['redis://cache:6379']],
    [{ REDIS_HOST: 'cache' }, ['redis://cache:6379']],
    [{ REDIS_HOST: 'cache', REDIS_PORT: '7' }, ['redis://cache:7']],
    [{ REDIS_URL: 'a:1,b:2', REDIS_CLUSTER: 'true' }, ['redis://a:1', 'redis://b:2']],
  ])('%o', (env, urls) => {
    expect(load(env).redis).toMatchObject({
      urls,
      timeoutMs: 50,
      breaker: { failures: 5, resetMs: 5000 },
    });
  });

  test('the inherited file names addresses, password and cluster', () => {
    const file = jsonFile({ cache: { redis: { addrs: ['a:1', 'b:2'], password: 'pw', isCluster: true } } });
    expect(load({}, file).redis).toMatchObject({
      urls: ['redis://a:1', 'redis://b:2'],
      password: 'pw',
      cluster: true,
    });
  });

  test('several addresses need a cluster, and a password is never shown', () => {
    expect(problems({ REDIS_URL: 'a:1,b:2' })).toEqual({ REDIS_URL: '2 addresses' });
    expect(problems({ REDIS_URL: 'http://:secret@x' })).toEqual({
      REDIS_URL: 'a value of 16 characters (hidden)',
    });
  });
});

describe('limits of rate', () => {
  const defaults = {
    messagesPerUser: 60,
    messagesPerUserAndRoom: 30,
    savedTokens: 10,
    createdRooms: 30,
    openedStreams: 60,
    polls: 600,
    failedAuthentications: 60,
  };

  test('are off while everything is embedded', () => {
    expect(Object.values(load({}).rateLimits)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(load({ RATE_LIMIT_USER_PER_MINUTE: '5' }).rateLimits).toMatchObject({
      messagesPerUser: 5,
      messagesPerUserAndRoom: 0,
    });
  });

  test('hold where there is a real database, and each can be switched off', () => {
    expect(load(PRODUCTION).rateLimits).toEqual(defaults);
    expect(load({ DATABASE_URL: PRODUCTION.DATABASE_URL }).rateLimits).toEqual(defaults);
    expect(load({ ...PRODUCTION, RATE_LIMIT_ROOM_PER_MINUTE: '0' }).rateLimits).toEqual({
      ...defaults,
      messagesPerUserAndRoom: 0,
    });
  });

  test('may be in the file, by key or by name', () => {
    const file = jsonFile({ rateLimits: { messagesPerUser: 7 }, RATE_LIMIT_ROOMS_PER_MINUTE: 8 });
    expect(load({}, file).rateLimits).toMatchObject({ messagesPerUser: 7, createdRooms: 8 });
  });

  test('proxies are addresses or ranges', () => {
    expect(load({ TRUSTED_PROXIES: '10.0.0.0/8, ::1' }).trustedProxies).toEqual(['10.0.0.0/8', '::1']);
    expect(problems({ TRUSTED_PROXIES: 'proxy.example.org' })).toHaveProperty('TRUSTED_PROXIES');
  });
});

describe('observation', () => {
  test('metrics are on the main port and no traces are made unless told otherwise', () => {
    expect(load({})).toMatchObject({
      metrics: { enabled: true, port: undefined },
      tracing: { endpoint: undefined, serviceName: 'connect-chat', sampleRatio: 1 },
    });
  });

  test.each(['0', '1', '0.25', '.5', '1.0'])('%s is a share', (text) => {
    expect(load({ OTEL_TRACES_SAMPLER_ARG: text }).tracing.sampleRatio).toBe(Number(text));
  });

  test.each(['1.5', '-1', 'all'])('%s is none', (text) => {
    expect(problems({ OTEL_TRACES_SAMPLER_ARG: text })).toHaveProperty('OTEL_TRACES_SAMPLER_ARG');
  });
});

describe('warnings', () => {
  test.each([
    ['JWT_SECRT', 'JWT_SECRET'],
    ['STREAM_HEARTBEAT', 'STREAM_HEARTBEAT_MS'],
    ['POSTGRES_PASWORD', 'POSTGRES_PASSWORD'],
    ['NATS_USR', 'NATS_USER'],
    ['CHAT_VI', 'CHAT_IV'],
  ])('%s is probably %s', (wrong, right) => {
    expect(loadConfig({ [wrong]: 'x' }).warnings).toEqual([`${wrong} is unknown; did you mean ${right}?`]);
  });

  test('foreign variables are nobody’s business, and other names are as good as the first', () => {
    const env = { REDIS_ADDR: 'cache:6379', RATE_LIMIT_USER_PER_MINUTE: '5', PATH: '/bin' };
    expect(loadConfig(env).warnings).toEqual([]);
  });

  test('a part of a Redis that nobody named has no effect', () => {
    expect(loadConfig({ REDIS_PORT: '6380' }).warnings).toEqual([
      'REDIS_PORT ignored: neither REDIS_URL nor REDIS_HOST is set',
    ]);
    expect(loadConfig({ REDIS_URL: 'redis://a', REDIS_HOST: 'b' }).warnings).toEqual([
      'REDIS_HOST ignored: REDIS_URL is set',
    ]);
  });
});

test('NO_LOGS silences the log', () => {
  expect(load({ NO_LOGS: 'true', LOG_LEVEL: 'debug' }).log.level).toBe('silent');
});

test('the cookie of client ids is for the host that was asked, with or without TLS, unless told otherwise', () => {
  expect(load({}).auth).toMatchObject({ secureCookies: false, cookieDomain: undefined });
  expect(load({ SECURE_COOKIES: 'true', SERVER_DOMAIN: 'chat.example.org' }).auth).toMatchObject({
    secureCookies: true,
    cookieDomain: 'chat.example.org',
  });
  expect(problems({ SERVER_DOMAIN: 'example.org; Path=/' })).toHaveProperty('SERVER_DOMAIN');
});

test('origins are a list; * reflects all while developing', () => {
  expect(load({ CORS_ORIGINS: 'https://a.example, http://b.example:3000' }).corsOrigins).toEqual([
    'https://a.example',
    'http://b.example:3000',
  ]);
  expect(load({ CORS_ORIGINS: '*' }).corsOrigins).toBe('any');
  expect(problems({ CORS_ORIGINS: 'a.example' })).toHaveProperty('CORS_ORIGINS');
});
