import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { CacheStore } from '../../../src/cache/cache-store.ts';
import { createMemoryCacheStore } from '../../../src/cache/memory-cache-store.ts';
import { createRedisCacheStore } from '../../../src/cache/redis-cache-store.ts';
import { openStores, type Stores } from '../../../src/repository/stores.ts';
import { exerciseRoomsRepositoryReads } from '../../contract/rooms-repository-reads.ts';
import {
  exerciseRoomsRepositoryWrites,
  type RoomsRepositoryWritesFixture,
} from '../../contract/rooms-repository-writes.ts';
import { type CachedRooms, cacheOf } from '../../support/cached-rooms.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createTestKeyspace, type TestKeyspace } from '../../support/keyspace.ts';
import { closeRedis, openRedis } from '../../support/redis-client.ts';
import { traceContext } from '../../support/trace-headers.ts';
import { insertUsers } from '../../support/users.ts';

const logger = pino({ level: 'silent' });
const LEADS = { reads: true, writes: true, sync: false };

afterAll(closeRedis);

/** All suites of the port, through two instances that share a cache. */
function exerciseOn(name: string, openCache: () => Promise<CacheStore>): void {
  describe(name, () => {
    let database: TestDatabase;
    let keyspace: TestKeyspace;
    let stores: readonly Stores[] = [];
    let cached: readonly [CachedRooms, CachedRooms];
    let fixture: RoomsRepositoryWritesFixture;
    beforeAll(async () => {
      [database, keyspace] = await Promise.all([createTestDatabase(), createTestKeyspace()]);
      const { db } = database;
      const scylla = { ...keyspace.config, roles: LEADS };
      const options = { db, scylla, notifies: true, logger, traceContext: () => traceContext.getStore() };
      const one = await openStores(options);
      const another = await openStores(options);
      stores = [one, another];
      const cache = await openCache();
      cached = [cachedOf(one, cache), cachedOf(another, cache)];
      fixture = {
        repository: cached[0].rooms,
        another: cached[1].rooms,
        outbox: one.outbox,
        notifications: one.notifications,
        addUsers: (users) => insertUsers(db, users),
        // The stores outlive the suite: the next one uses them too.
        close: async () => undefined,
      };
    });
    afterAll(async () => {
      for (const store of stores) await store.close();
      await keyspace?.drop();
      await database?.drop();
    });

    exerciseRoomsRepositoryWrites(name, async () => fixture);
    exerciseRoomsRepositoryReads(name, async () => fixture);

    test('the cache was of use, and answered always', async () => {
      const counts = await cached[0].counts();
      expect(counts.hit).toBeGreaterThan(100);
      expect(counts.stale).toBeGreaterThan(0);
      expect(Object.keys(counts).filter((status) => status.endsWith('error'))).toEqual([]);
    });
  });
}

function cachedOf({ rooms, lists }: Stores, cache: CacheStore): CachedRooms {
  if (lists === undefined) throw new Error('nothing to be cached');
  return cacheOf(rooms, lists, cache);
}

const inMemory = async (): Promise<CacheStore> => createMemoryCacheStore();
const inRedis = async (): Promise<CacheStore> => createRedisCacheStore(await openRedis(inject('redisUrl')));

const missing = inject('cassandraContactPoint') === '' || inject('postgresUrl') === '';
describe.skipIf(missing)('cached RoomsRepository with Cassandra', () => {
  exerciseOn('Cassandra leads, cached in the process', inMemory);
  describe.skipIf(inject('redisUrl') === '')('with Redis', () =>
    exerciseOn('Cassandra leads, cached in Redis', inRedis),
  );
});
