import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { createRedisCacheStore } from '../../src/cache/redis-cache-store.ts';
import type { RedisConnection } from '../../src/redis/redis-connection.ts';
import { exerciseCacheStore, valuesOf } from '../contract/cache-store.ts';
import { closeRedis, openRedis } from '../support/redis-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

afterAll(closeRedis);

describe.skipIf(inject('redisUrl') === '')('with a Redis', () => {
  let redis: RedisConnection;
  let plain: Redis;
  beforeAll(async () => {
    plain = new Redis(inject('redisUrl'));
    redis = await openRedis(inject('redisUrl'));
  });
  afterAll(() => plain?.disconnect());

  exerciseCacheStore('Redis', (ttlMs) => createRedisCacheStore(redis, { ttlMs }));

  test('instances share what they store', async () => {
    const group = randomUUID();
    await createRedisCacheStore(redis).setMany(group, valuesOf({ a: 'shared' }));
    const other = createRedisCacheStore(await openRedis(inject('redisUrl')));
    expect((await other.getMany(group, ['a']))?.map(String)).toEqual(['shared']);
  });

  test('every key begins with its own prefix, and ends within an hour', async () => {
    const group = randomUUID();
    await createRedisCacheStore(redis).setMany(group, valuesOf({ a: '1', b: '2' }));
    const keys = (await plain.keys(`*${group}*`)).sort();
    expect(keys).toEqual([`chat:v1:cache:{${group}}:a`, `chat:v1:cache:{${group}}:b`]);
    for (const key of keys) {
      expect(await plain.pttl(key)).toBeGreaterThan(3_500_000);
      expect(await plain.pttl(key)).toBeLessThanOrEqual(3_600_000);
    }
  });

  test('something else under a key is no value', async () => {
    const group = randomUUID();
    await plain.rpush(`chat:v1:cache:{${group}}:a`, 'a list');
    const store = createRedisCacheStore(redis);
    expect(await store.getMany(group, ['a', 'b'])).toEqual([undefined, undefined]);
    expect(await store.setMany(group, valuesOf({ a: 'now one' }))).toBe(true);
    expect((await store.getMany(group, ['a']))?.map(String)).toEqual(['now one']);
  });

  test('says so when a value was refused', async () => {
    const server = await startRedis();
    try {
      const full = new Redis(server.url);
      await full.config('SET', 'maxmemory', '1');
      full.disconnect();
      const store = createRedisCacheStore(await openRedis(server.url));
      expect(await store.setMany('g', valuesOf({ a: '1' }))).toBe(false);
      expect(await store.getMany('g', ['a'])).toEqual([undefined]);
    } finally {
      await server.stop();
    }
  });
});

describe.skipIf(!inject('canStart').redis)('with a cluster', () => {
  let server: RedisServer;
  let redis: RedisConnection;
  beforeAll(async () => {
    server = await startRedis({ cluster: true });
    redis = await openRedis(server.url, { cluster: true });
  });
  afterAll(async () => await server?.stop());

  // A command whose keys are in several slots is an error there.
  exerciseCacheStore('Redis Cluster', (ttlMs) => createRedisCacheStore(redis, { ttlMs }));
});

describe.skipIf(!inject('canStart').redis)('without an answer of Redis', () => {
  /** How often Redis was really asked. */
  function counted(redis: RedisConnection): {
    readonly asked: () => number;
    readonly redis: RedisConnection;
  } {
    let asked = 0;
    const run: RedisConnection['run'] = async (command) =>
      await redis.run((client) => {
        asked += 1;
        return command(client);
      });
    return { asked: () => asked, redis: { ...redis, run } };
  }

  test.each(['kill', 'pause'] as const)(
    'nothing rejects after %s, soon nothing is asked any more, and it comes back',
    async (fault) => {
      const server = await startRedis();
      try {
        const breaker = { failures: 5, resetMs: 100 };
        const { asked, redis } = counted(await openRedis(server.url, { timeoutMs: 50, breaker }));
        const store = createRedisCacheStore(redis);
        expect(await store.setMany('g', valuesOf({ a: '1' }))).toBe(true);
        await server[fault]();
        for (let call = 0; call < 5; call += 1) expect(await store.getMany('g', ['a'])).toBeUndefined();
        const before = asked();
        const answers = await Promise.all(Array.from({ length: 100 }, () => store.getMany('g', ['a'])));
        expect(new Set(answers)).toEqual(new Set([undefined]));
        expect(await store.setMany('g', valuesOf({ a: '2' }))).toBe(false);
        // But for the probes: one at a time.
        expect(asked() - before).toBeLessThan(10);
        if (fault === 'kill') await server.restart();
        else server.resume();
        await vi.waitFor(async () => expect(await store.setMany('g', valuesOf({ a: '3' }))).toBe(true), {
          timeout: 20_000,
        });
        expect((await store.getMany('g', ['a']))?.map(String)).toEqual(['3']);
      } finally {
        await server.stop();
      }
    },
  );
});
