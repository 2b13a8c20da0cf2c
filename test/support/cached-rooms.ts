import type { CacheStore } from '../../src/cache/cache-store.ts';
import { createMemoryCacheStore } from '../../src/cache/memory-cache-store.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import {
  type CachedRoomsDeps,
  createCachedRoomsRepository,
} from '../../src/repository/cached-rooms-repository.ts';
import type { RoomsRepository } from '../../src/repository/rooms-repository.ts';

/** A cached repository, and what its cache did. */
export interface CachedRooms {
  readonly rooms: RoomsRepository;
  /** Counts since the last time, by status of views that were looked up (hit, miss, stale) and of requests that failed. */
  counts(): Promise<Readonly<Record<string, number>>>;
}

/** What a test puts around a store. */
export type StoreLists = Pick<CachedRoomsDeps, 'listRooms' | 'profiles'>;

/** Decorates `base` with a cache of its own, or with `cache`. */
export function cacheOf(
  base: RoomsRepository,
  lists: StoreLists,
  cache: CacheStore = createMemoryCacheStore(),
): CachedRooms {
  const { cacheOperations } = createMetrics();
  return {
    rooms: createCachedRoomsRepository(base, { ...lists, cache, operations: cacheOperations }),
    async counts() {
      const { values } = await cacheOperations.get();
      cacheOperations.reset();
      const counted = values.filter(({ value }) => value > 0);
      return Object.fromEntries(
        counted.map(({ labels: { operation, status }, value }) => [
          status === 'error' ? `${operation} error` : status,
          value,
        ]),
      );
    },
  };
}
