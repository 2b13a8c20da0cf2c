/**
 * Bytes under keys, for a while: what is in it may be gone at any moment, and nothing depends on it.
 *
 * Promises, held by every adapter and proved by `exerciseCacheStore`:
 *
 * - Nothing rejects. What was not answered, in time or at all, is told as such, and the caller goes on without.
 * - A value is answered as it was stored, or not at all. It must not be changed.
 * - Keys are counted or weighed, and every value ends: what does not fit pushes out what was not asked for the longest.
 * - Keys of one group are near each other: reading several takes one request, also of a cluster.
 */
export interface CacheStore {
  /** The value of each key, in order, where there is one; undefined when the cache did not answer. */
  getMany(group: string, keys: readonly string[]): Promise<(Uint8Array | undefined)[] | undefined>;
  /** Stores values by key; false when the cache did not answer. */
  setMany(group: string, values: ReadonlyMap<string, Uint8Array>): Promise<boolean>;
}

/** How long a value lasts after it was stored, in milliseconds. */
export const CACHE_TTL_MS = 3_600_000;
