import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createRedisCacheStore } from '../../../src/cache/redis-cache-store.ts';
import { type CachedRooms, cacheOf } from '../../support/cached-rooms.ts';
import { type LeadingScylla, openLeadingScylla } from '../../support/leading-scylla.ts';
import { closeRedis, openRedis } from '../../support/redis-client.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { SeededRooms } from '../../support/seeded-rooms.ts';
import { insertUsers } from '../../support/users.ts';

const ALL = { page: 0, limit: 0, search: '', type: '' };
const CALLERS = 8;

const missing =
  inject('cassandraContactPoint') === '' || inject('postgresUrl') === '' || !inject('canStart').redis;

describe.skipIf(missing)('room lists over a Redis that fails under load', () => {
  let store: LeadingScylla;
  let server: RedisServer;
  let instances: readonly CachedRooms[];
  let user: number;
  let roomIds: string[];

  beforeAll(async () => {
    [store, server] = await Promise.all([openLeadingScylla(), startRedis()]);
    const breaker = { failures: 5, resetMs: 100 };
    const caches = await Promise.all(
      [1, 2].map(async () => createRedisCacheStore(await openRedis(server.url, { timeoutMs: 50, breaker }))),
    );
    instances = caches.map((cache) => cacheOf(store.rooms, store.lists, cache));
    const addUsers = async (users: Parameters<typeof insertUsers>[1]) => await insertUsers(store.db, users);
    const seeded = new SeededRooms({ repository: store.rooms, addUsers }, 0);
    const [first = 0, ...others] = await seeded.users(5);
    user = first;
    roomIds = [];
    for (const other of others) roomIds.unshift((await seeded.p2p(user, other)).id);
  });
  afterAll(async () => {
    await closeRedis();
    await server?.stop();
    await store?.close();
  });

  async function list({ rooms }: CachedRooms): Promise<void> {
    const { items } = await rooms.getRoomList(user, ALL);
    expect(items.map(({ id }) => id)).toEqual(roomIds);
  }

  /** Many callers, one call after another, until somebody has seen enough. */
  async function underLoad(until: () => Promise<boolean>, meanwhile?: () => unknown): Promise<void> {
    let enough = false;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      const instance = instances[caller % instances.length];
      while (!enough && instance !== undefined) await list(instance);
    });
    await meanwhile?.();
    const watching = expect
      .poll(until, { timeout: 30_000 })
      .toBe(true)
      .finally(() => {
        enough = true;
      });
    await Promise.all([...callers, watching]);
  }

  /** Whether each instance has seen that status so often since now; to be asked again and again. */
  async function seen(status: 'hit' | 'get error', times: number): Promise<() => Promise<boolean>> {
    const totals = instances.map(() => 0);
    await Promise.all(instances.map((instance) => instance.counts()));
    return async () => {
      for (const [index, instance] of instances.entries()) {
        totals[index] = (totals[index] ?? 0) + ((await instance.counts())[status] ?? 0);
      }
      return totals.every((total) => total >= times);
    };
  }

  test.each(['kill', 'pause'] as const)(
    'show no error after %s, and find their views again afterwards by themselves',
    async (fault) => {
      await underLoad(await seen('hit', 20));
      await underLoad(await seen('get error', 20), () => server[fault]());
      if (fault === 'kill') await server.restart();
      else server.resume();
      await underLoad(await seen('hit', 20));
    },
  );
});
