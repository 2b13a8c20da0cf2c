import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { runDoctor } from '../../src/cli/doctor.ts';
import { DISPATCH_LOCK } from '../../src/repository/postgres/outbox.ts';
import { connectReadOnly } from '../../src/repository/postgres/read-only.ts';
import { startTestApp } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { doctorRunner, failures, pick } from '../support/doctor.ts';
import { createTestKeyspace, type TestKeyspace } from '../support/keyspace.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const { out, err, doctor } = doctorRunner();
const canRun = inject('postgresUrl') !== '' && inject('canStart').nats && inject('canStart').redis;

describe.skipIf(!canRun)('the doctor', () => {
  const secrets = {
    JWT_SECRET: 'jwt-'.padEnd(40, 'q9'),
    CHAT_KEY: 'ab12'.repeat(16),
    CHAT_IV: 'cd34'.repeat(8),
  };
  let database: TestDatabase;
  let nats: NatsServer;
  let redis: RedisServer;
  let env: Record<string, string>;

  beforeAll(async () => {
    [nats, redis] = await Promise.all([startNats(), startRedis({ requirepass: 'redis-secret-word' })]);
  });
  beforeEach(async () => {
    database = await createTestDatabase();
    env = { ...secrets, DATABASE_URL: database.url, NATS_URL: nats.url, REDIS_URL: redis.url };
  });
  afterEach(async () => await database.drop());
  afterAll(async () => {
    await nats?.stop();
    await redis?.stop();
  });

  it('finds nothing wrong with a service that runs', async () => {
    const app = await startTestApp({
      databaseUrl: database.url,
      broker: nats.url as `nats://${string}`,
      env: { REDIS_URL: redis.url },
    });
    try {
      await expect
        .poll(async () => pick((await doctor(env)).findings, 'events', 'dispatcher').state)
        .toBe('ok');
      const { code, findings } = await doctor(env);
      expect(failures(findings)).toEqual([]);
      expect(code).toBe(0);
      expect(pick(findings, 'events', 'dispatcher').text).toContain(
        'the instance at 127.0.0.1 publishes events',
      );
      expect(pick(findings, 'events', 'outbox').text).toBe('no entries wait to be published');
      expect(pick(findings, 'postgres', 'schema').text).toContain('as needed');
      expect(pick(findings, 'postgres', 'unaccent').state).toBe('ok');
      expect(pick(findings, 'postgres', 'server').text).toMatch(
        /^PostgreSQL 1\d.* at postgres:\/\/127\.0\.0\.1:/,
      );
      expect(pick(findings, 'postgres', 'clock').state).toBe('ok');
      expect(pick(findings, 'postgres', 'latency').text).toContain('median of 5');
      // The server of the tests forgets what a power cut interrupts; an operator has to hear that.
      expect(pick(findings, 'postgres', 'durability').state).toBe('warn');
      expect(pick(findings, 'nats', 'server').text).toMatch(/^nats-server 2\./);
      expect(pick(findings, 'nats', 'stream')).toMatchObject({
        state: 'ok',
        text: expect.stringContaining('1000 events a room, for 7 days, compressed, as wanted'),
      });
      expect(pick(findings, 'redis', 'server').text).toMatch(/^Redis \d/);
      expect(pick(findings, 'redis', 'clock').state).toBe('ok');
    } finally {
      await app.stop();
    }
  });

  it('writes lines that fit and belong together', async () => {
    expect(await runDoctor([], { ...env, DATA_DIR: 'memory:', LOG_LEVEL: 'loud' })).toBe(1);
    const lines = out.join('\n').split('\n');
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    for (const title of [
      'Settings',
      'This machine',
      'PostgreSQL',
      'Work that waits',
      'NATS JetStream',
      'Redis',
    ])
      expect(lines).toContain(title);
    expect(lines.at(-1)).toMatch(/^\d+ ok, \d+ warnings, 1 failure$/);
  });

  it('shows no secret, whatever is right, wrong or away', async () => {
    const away = `127.0.0.1:${await freePort()}`;
    const envs = [
      { ...env, NATS_USER: 'chat', NATS_PASSWORD: 'secret-nats', NOTIFICATIONS_TOKEN: 'secret-bearer' },
      {
        ...secrets,
        DATABASE_URL: `postgres://chat:secret-pg@${away}/chat?sslpassword=secret-ssl`,
        NATS_URL: `nats://chat:secret-nats@${away},nats://secret-token@${away}`,
        REDIS_URL: `redis://:secret-redis@${away}`,
        SCYLLA_HOSTS: away,
        SYNC_TO_SCYLLA: 'true',
        SCYLLA_USERNAME: 'chat',
        SCYLLA_PASSWORD: 'secret-scylla',
        NOTIFICATIONS_URL: `http://chat:secret-http@${away}/path?key=secret-query`,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://secret-otel@${away}`,
      },
      {
        JWT_SECRET: 'secret-short',
        CHAT_KEY: 'secret-key',
        CHAT_IV: 'secret-iv',
        NATS_TOKEN: 'secret-token',
        POSTGRES_HOST: away.split(':')[0] ?? '',
        POSTGRES_PORT: away.split(':')[1] ?? '',
        POSTGRES_PASSWORD: 'secret-pg',
        REDIS_URL: 'redis://:secret-redis@a,redis://:secret-redis@b',
        NOTIFICATIONS_URL: 'ftp://chat:secret-http/part@host?key=secret-query',
        JWT_JWKS_URL: 'https:// secret-jwks',
      },
    ];
    for (const given of envs) {
      for (const argv of [[], ['--json']]) await runDoctor(argv, { DATA_DIR: 'memory:', ...given });
    }
    const said = [...out, ...err].join('\n');
    expect(said).toContain(`postgres://${away}/chat`);
    expect(said.match(/.*secret-[a-z].*/g)).toBe(null);
    expect(said).not.toMatch(/redis-secret-word|q9q9|ab12ab12|cd34cd34/);
  });

  it('tells that NATS was killed, and goes on with the others', async () => {
    await nats.kill();
    try {
      const { code, findings } = await doctor(env);
      expect(code).toBe(1);
      expect(failures(findings)).toEqual(['nats server']);
      expect(pick(findings, 'nats', 'server')).toMatchObject({
        text: expect.stringContaining('refused'),
        todo: expect.stringContaining('NATS_URL'),
      });
      expect(pick(findings, 'postgres', 'schema').state).toBe('ok');
    } finally {
      await nats.restart();
    }
  });

  it('does not wait for who does not answer', async () => {
    redis.pause();
    try {
      const { code, findings } = await doctor(env);
      expect(code).toBe(1);
      expect(failures(findings)).toEqual(['redis server']);
      expect(pick(findings, 'nats', 'server').state).toBe('ok');
    } finally {
      redis.resume();
    }
  });

  it('tells what is away, each with what to do', async () => {
    const port = await freePort();
    const { code, findings } = await doctor({
      ...env,
      DATABASE_URL: `postgres://chat@127.0.0.1:${port}/chat`,
      REDIS_URL: `redis://127.0.0.1:${port}`,
      NOTIFICATIONS_URL: `http://127.0.0.1:${port}`,
    });
    expect(code).toBe(1);
    expect(failures(findings)).toEqual(['postgres server', 'redis server', 'services notifications']);
    for (const [group, name, setting] of [
      ['postgres', 'server', 'DATABASE_URL'],
      ['redis', 'server', 'REDIS_URL'],
      ['services', 'notifications', 'NOTIFICATIONS_URL'],
    ] as const) {
      expect(pick(findings, group, name).text).toContain('ECONNREFUSED');
      expect(pick(findings, group, name).todo).toContain(setting);
    }
    expect(pick(findings, 'nats', 'server').state).toBe('ok');
  });

  it('tells which schema it found', async () => {
    await database.db.query(`INSERT INTO chat_schema (version) VALUES (99)`);
    const newer = await doctor(env);
    expect(newer.code).toBe(1);
    expect(pick(newer.findings, 'postgres', 'schema')).toMatchObject({
      state: 'fail',
      text: expect.stringMatching(/^version 99, version \d+ is needed$/),
      todo: expect.stringContaining('newer version of the service'),
    });
    // What waits there is not asked: the tables may be others.
    expect(newer.findings.filter(({ group }) => group === 'events')).toEqual([]);
    await database.db.query('DELETE FROM chat_schema');
    expect(pick((await doctor(env)).findings, 'postgres', 'schema')).toMatchObject({
      state: 'fail',
      text: 'there is none',
      todo: expect.stringContaining('npm run migrate'),
    });
  });

  it('makes no stream, and corrects none', async () => {
    const nc = await connect({ servers: nats.url });
    const jsm = await jetstreamManager(nc);
    const config = async (): Promise<StreamConfig> => (await jsm.streams.info('CHAT_EVENTS')).config;
    try {
      await jsm.streams.delete('CHAT_EVENTS').catch(() => undefined);
      const { code, findings } = await doctor(env);
      expect(code).toBe(0);
      expect(pick(findings, 'nats', 'stream')).toMatchObject({
        state: 'warn',
        text: 'there is no stream CHAT_EVENTS yet',
      });
      await expect(config()).rejects.toThrow('stream not found');
      await jsm.streams.add({
        name: 'CHAT_EVENTS',
        subjects: ['CHAT_EVENTS.*'],
        max_msgs_per_subject: 5,
        max_bytes: 1_000,
      });
      const before = await config();
      const wrong = (await doctor(env)).findings;
      expect(pick(wrong, 'nats', 'stream').state).toBe('warn');
      for (const part of [
        'subjects is ["CHAT_EVENTS.*"], wanted is ["CHAT_DIRECT_EVENTS.*","CHAT_EVENTS.*"]',
        'max_msgs_per_subject is 5, wanted is 1000',
        'max_age is 0, wanted is 604800000000000',
        'compression is "none", wanted is "s2"',
      ])
        expect(pick(wrong, 'nats', 'stream').text).toContain(part);
      expect(await config()).toEqual(before);
      await nc.request('CHAT_EVENTS.1', 'x'.repeat(850));
      expect(pick((await doctor(env)).findings, 'nats', 'storage')).toMatchObject({ state: 'warn' });
      expect(pick((await doctor(env)).findings, 'nats', 'content').text).toMatch(
        /^1 events, \d+ B, sequences 1 to 1/,
      );
    } finally {
      await jsm.streams.delete('CHAT_EVENTS').catch(() => undefined);
      await nc.close();
    }
  });

  it('tells what waits, for how long, and whether anybody works on it', async () => {
    await database.db.query(
      `INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, message_id, created_at)
        SELECT gen_random_uuid(), 'CHAT_EVENTS.x', gen_random_uuid(), 1, 1, gen_random_uuid(), now() - interval '2 minutes'
        FROM generate_series(1, 3)`,
    );
    await database.db.query(
      `INSERT INTO notification_outbox (notification, client, created_at) VALUES ('{"kind":"push"}', '{}', now() - interval '1 hour')`,
    );
    const idle = await doctor(env);
    expect(idle.code).toBe(0);
    expect(pick(idle.findings, 'events', 'dispatcher').state).toBe('warn');
    expect(pick(idle.findings, 'events', 'outbox')).toMatchObject({
      state: 'warn',
      text: '3 entries wait to be published, the oldest for 2 min',
      todo: expect.stringContaining('start the service'),
    });
    expect(pick(idle.findings, 'events', 'notifications')).toMatchObject({
      state: 'warn',
      text: '1 notification waits to be sent, the oldest for 60 min',
    });
    const lease = await database.db.tryLock(DISPATCH_LOCK);
    const stuck = await doctor(env);
    await lease?.release();
    expect(stuck.code).toBe(1);
    expect(failures(stuck.findings)).toEqual(['events outbox']);
  });

  it('can not write, and takes no lock of the service', async () => {
    const sql = await connectReadOnly(database.url);
    await expect(sql.query('DELETE FROM outbox')).rejects.toThrow('read-only transaction');
    await sql.close();
    const taken: boolean[] = [];
    const running = doctor(env);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const lease = await database.db.tryLock(DISPATCH_LOCK);
      taken.push(lease !== undefined);
      await lease?.release();
    }
    await running;
    expect(taken).toEqual([true, true, true, true, true]);
  });

  describe.skipIf(inject('cassandraContactPoint') === '')('with Scylla', () => {
    let keyspace: TestKeyspace;
    beforeAll(async () => {
      keyspace = await createTestKeyspace();
    });
    afterAll(async () => await keyspace?.drop());

    it('tells version, schema and lag, and which store leads', async () => {
      const scylla = { ...env, ...keyspace.env };
      const mirror = await doctor({ ...scylla, SYNC_TO_SCYLLA: 'true' });
      expect(failures(mirror.findings)).toEqual([]);
      expect(pick(mirror.findings, 'scylla', 'cluster').text).toMatch(
        /^Cassandra 5\..*, 1 node, keyspace chat_/,
      );
      expect(pick(mirror.findings, 'scylla', 'schema').text).toContain('as needed');
      await database.db.query(
        `INSERT INTO scylla_change (room_id, clock, change, created_at) VALUES (gen_random_uuid(), 1, '{}', now() - interval '1 minute')`,
      );
      const { findings } = await doctor({ ...scylla, SYNC_TO_SCYLLA: 'true' });
      expect(pick(findings, 'events', 'scylla')).toMatchObject({
        state: 'warn',
        text: '1 change waits to be brought to Scylla, the oldest for 60 s',
      });
      await database.db.query(`UPDATE chat_store SET leader = 'scylla'`);
      expect(failures((await doctor({ ...scylla, USE_SCYLLADB: 'true' })).findings)).toEqual([]);
      expect(pick((await doctor(env)).findings, 'postgres', 'store')).toMatchObject({
        state: 'fail',
        todo: expect.stringContaining('USE_SCYLLADB=true'),
      });
    });

    it('tells that its schema is missing, or that it is away', async () => {
      const missing = { ...env, ...keyspace.env, SYNC_TO_SCYLLA: 'true', SCYLLA_KEYSPACE: 'chat_nothing' };
      expect(pick((await doctor(missing)).findings, 'scylla', 'schema')).toMatchObject({
        state: 'fail',
        text: 'there is none',
      });
      const away = { ...missing, SCYLLA_HOSTS: `127.0.0.1:${await freePort()}` };
      const { code, findings } = await doctor(away);
      expect(code).toBe(1);
      expect(failures(findings)).toEqual(['scylla cluster']);
    });
  });
});
