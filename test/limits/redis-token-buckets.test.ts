import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import type { RedisConfig } from '../../src/config.ts';
import { createInsuredTokenBuckets } from '../../src/limits/insured-token-buckets.ts';
import { createMemoryTokenBuckets } from '../../src/limits/memory-token-buckets.ts';
import { createRedisTokenBuckets } from '../../src/limits/redis-token-buckets.ts';
import type { TokenBuckets } from '../../src/limits/token-buckets.ts';
import { connectRedis, type RedisConnection } from '../../src/redis/redis-connection.ts';
import { exerciseTokenBuckets } from '../contract/token-buckets.ts';
import { freePort } from '../support/ports.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const logger = pino({ level: 'silent' });
const connections: RedisConnection[] = [];

/** Patient, so that a slow machine is no outage. */
function connect(url: string, config: Partial<RedisConfig> = {}): RedisConnection {
  const breaker = { failures: 5, resetMs: 100 };
  const connection = connectRedis(
    { urls: [url], password: undefined, cluster: false, timeoutMs: 5_000, breaker, ...config },
    logger,
  );
  connections.push(connection);
  return connection;
}

async function answers(redis: RedisConnection): Promise<void> {
  await vi.waitFor(() => redis.ping(), { timeout: 20_000 });
}

const ONE = { name: 'b', capacity: 1, perMinute: 1 };

describe.skipIf(inject('redisUrl') === '')('with a Redis', () => {
  let redis: RedisConnection;
  let plain: Redis;
  beforeAll(async () => {
    plain = new Redis(inject('redisUrl'));
    redis = connect(inject('redisUrl'));
    await answers(redis);
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
    plain?.disconnect();
  });

  exerciseTokenBuckets('Redis', () => createRedisTokenBuckets(redis));
  exerciseTokenBuckets('insured, Redis answers', () =>
    createInsuredTokenBuckets(createRedisTokenBuckets(redis), neverAsked, () => {
      throw new Error('fell back');
    }),
  );

  test('two instances share them', async () => {
    const second = connect(inject('redisUrl'));
    await answers(second);
    const [one, other] = [createRedisTokenBuckets(redis), createRedisTokenBuckets(second)];
    const owner = randomUUID();
    expect(await one.take(owner, [ONE])).toMatchObject({ allowed: true });
    expect(await other.take(owner, [ONE])).toMatchObject({ allowed: false });
  });

  test('keys live until their bucket is full again', async () => {
    const owner = `user:${randomUUID()}`;
    const buckets = createRedisTokenBuckets(redis);
    const wanted = [
      { name: 'all', capacity: 60, perMinute: 60 },
      { name: 'room:r', capacity: 30, perMinute: 30 },
    ];
    await buckets.take(owner, wanted);
    await buckets.take(owner, wanted);
    const keys = (await plain.keys(`*${owner}*`)).sort();
    expect(keys).toEqual([`chat:v1:limit:{${owner}}:all`, `chat:v1:limit:{${owner}}:room:r`]);
    const [all = 0, room = 0] = await Promise.all(keys.map((key) => plain.pttl(key)));
    expect(all).toBeGreaterThan(0);
    expect(all).toBeLessThanOrEqual(2_000);
    expect(room).toBeGreaterThan(2_000);
    expect(room).toBeLessThanOrEqual(4_000);
  });

  test('a clock that went back stops nothing for longer than a bucket takes to fill', async () => {
    const owner = randomUUID();
    const inAnHour = Date.now() + 3_600_000;
    await plain.set(`chat:v1:limit:{${owner}}:b`, `60000 ${inAnHour}`, 'PX', 60_000);
    const { allowed, waitMs } = await createRedisTokenBuckets(redis).take(owner, [ONE]);
    expect(allowed).toBe(false);
    expect(waitMs).toBeLessThanOrEqual(60_000);
  });

  test('a Redis that forgot the script is told again', async () => {
    await plain.script('FLUSH');
    const owner = randomUUID();
    const buckets = createRedisTokenBuckets(redis);
    expect(await buckets.take(owner, [ONE])).toMatchObject({ allowed: true });
    expect(await buckets.take(owner, [ONE])).toMatchObject({ allowed: false });
  });
});

describe.skipIf(!inject('canStart').redis)('with a cluster', () => {
  let server: RedisServer;
  let redis: RedisConnection;
  beforeAll(async () => {
    server = await startRedis({ cluster: true });
    redis = connect(server.url, { cluster: true });
    await answers(redis);
  });
  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });

  // A command whose keys are in several slots is an error there.
  exerciseTokenBuckets('Redis Cluster', () => createRedisTokenBuckets(redis));
});

describe('without an answer', () => {
  exerciseTokenBuckets('insured, Redis is away', () => {
    const away = connect('redis://127.0.0.1:1');
    return createInsuredTokenBuckets(createRedisTokenBuckets(away), createMemoryTokenBuckets(), () => {});
  });
  afterAll(async () => {
    for (const connection of connections) await connection.close();
  });

  test('the insurance decides, and is counted', async () => {
    let fallbacks = 0;
    const away = connect(`redis://127.0.0.1:${await freePort()}`);
    const buckets = createInsuredTokenBuckets(
      createRedisTokenBuckets(away),
      createMemoryTokenBuckets(),
      () => {
        fallbacks += 1;
      },
    );
    expect(await buckets.take('o', [ONE])).toMatchObject({ allowed: true });
    expect(await buckets.take('o', [ONE])).toMatchObject({ allowed: false });
    expect(fallbacks).toBe(2);
  });

  test.skipIf(!inject('canStart').redis)(
    'a Redis that stands still holds up nobody, and shares again when it goes on',
    async () => {
      const server: RedisServer = await startRedis();
      let fallbacks = 0;
      // What is tried: the first five calls wait for it, then the breaker is open.
      const connection = connect(server.url, { timeoutMs: 50, breaker: { failures: 5, resetMs: 100 } });
      const shared = createRedisTokenBuckets(connection);
      const buckets = createInsuredTokenBuckets(shared, createMemoryTokenBuckets(), () => {
        fallbacks += 1;
      });
      await answers(connection);
      const patient = { name: 'b', capacity: 1_000, perMinute: 1 };
      await buckets.take('o', [patient]);
      expect(fallbacks).toBe(0);
      server.pause();
      for (let call = 0; call < 6; call += 1) {
        expect(await buckets.take('o', [patient])).toMatchObject({ allowed: true });
      }
      expect(connection.state()).not.toBe('closed');
      expect(fallbacks).toBe(6);
      server.resume();
      await vi.waitFor(() => shared.take('o', [patient]), { timeout: 20_000 });
      expect(connection.state()).toBe('closed');
      await connection.close();
      await server.stop();
    },
  );
});

const neverAsked: TokenBuckets = {
  take: () => {
    throw new Error('the insurance was asked');
  },
};
