import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectNats } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { startNats } from './nats-server.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { startRedis } from './redis-server.ts';

/** Long enough for an answer of a server that works. */
const SILENCE_MS = 500;

/** Expects that each of the answers that have been asked for comes only after `resume`. */
async function expectSilenceUntil(answers: readonly Promise<unknown>[], resume: () => void): Promise<void> {
  const answered = answers.map((answer) => answer.then(() => 'an answer'));
  expect(await Promise.race([...answered, delay(SILENCE_MS, 'silence')])).toBe('silence');
  resume();
  await Promise.all(answers);
}

/** Up to three connections, which may break. */
function poolOf(server: PostgresServer): Pool {
  const pool = new Pool({ connectionString: server.url, max: 3 });
  onTestFinished(() => pool.end());
  pool.on('error', () => undefined);
  // Also of one that the pool has let go, but that has not ended yet.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

describe.runIf(inject('canStart').postgres)('a Postgres for tests', () => {
  test('answers nothing on any connection while it is paused', async () => {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    const pool = poolOf(server);
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    for (const client of clients) client.release();

    server.pause();
    // On the two open connections and on a new one.
    const answers = [1, 2, 3].map((id) => pool.query('SELECT $1::int AS id', [id]));
    await expectSilenceUntil(answers, () => server.resume());
  });

  test('ends while it is paused', async () => {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    const pool = poolOf(server);
    await pool.query('SELECT 1');

    server.pause();
    await server.kill();
    await server.restart();
    // The pool may give out once more what broke with the first server.
    const answer = async (): Promise<unknown> =>
      (await pool.query('SELECT 1 AS one').catch(() => undefined))?.rows;
    await expect.poll(answer).toEqual([{ one: 1 }]);
    server.pause();
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow();
  });
});

describe.runIf(inject('canStart').nats)('a NATS server for tests', () => {
  test('answers nothing while it is paused', async () => {
    const server = await startNats();
    onTestFinished(() => server.stop());
    const connection = await connectNats({ servers: server.url });
    onTestFinished(() => connection.close());

    server.pause();
    await expectSilenceUntil([connection.flush()], () => server.resume());
  });

  test('stores where it is told, as much as it is told', async () => {
    const outer = await startNats();
    onTestFinished(() => outer.stop());
    const server = await startNats({ storeIn: outer.store, maxFileStore: 4096 });
    onTestFinished(() => server.stop());
    expect(server.store.startsWith(`${outer.store}/`)).toBe(true);
    const connection = await connectNats({ servers: server.url });
    onTestFinished(() => connection.close());
    const { jetstreamManager } = await import('@nats-io/jetstream');
    const manager = await jetstreamManager(connection);
    await expect(manager.streams.add({ name: 'S', subjects: ['s'], max_bytes: 1024 * 1024 })).rejects.toThrow(
      /insufficient storage/,
    );
    await manager.streams.add({ name: 'S', subjects: ['s'], max_bytes: 2048 });
  });
});

describe.runIf(inject('canStart').redis)('a Redis for tests', () => {
  test('answers nothing while it is paused, and forgets everything when it is killed', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const redis = new Redis(server.url, { lazyConnect: true });
    onTestFinished(() => redis.disconnect());
    redis.on('error', () => undefined);
    await redis.connect();
    await redis.set('key', 'value');

    server.pause();
    await expectSilenceUntil([redis.get('key')], () => server.resume());
    expect(await redis.get('key')).toBe('value');

    const closed = once(redis, 'close');
    await server.kill();
    await closed;
    await server.restart();
    expect(await redis.get('key')).toBeNull();
  });

  test('wants its password', async () => {
    const server = await startRedis({ requirepass: 'a pass/word' });
    onTestFinished(() => server.stop());
    const stranger = new Redis(server.url.replace(/:[^:@]*@/, ''), { retryStrategy: null });
    onTestFinished(() => stranger.disconnect());
    stranger.on('error', () => undefined);
    await expect(stranger.ping()).rejects.toThrow(/NOAUTH/);
    const known = new Redis(server.url);
    onTestFinished(() => known.disconnect());
    expect(await known.ping()).toBe('PONG');
  });

  test('keeps to the loopback address', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const port = Number(new URL(server.url).port).toString(16).toUpperCase().padStart(4, '0');
    const listening = readFileSync(`/proc/${server.pid}/net/tcp`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[1] ?? '')
      .filter((local) => local.endsWith(`:${port}`));
    expect(new Set(listening.map((local) => local.split(':')[0]))).toEqual(new Set(['0100007F']));
  });
});
