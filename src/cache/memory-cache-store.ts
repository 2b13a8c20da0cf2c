import { LRUCache } from 'lru-cache';
import { CACHE_TTL_MS, type CacheStore } from './cache-store.ts';

/** What bounds the cache. */
export interface MemoryCacheOptions {
  /** Of all values, with what each takes beside its bytes. */
  readonly maxBytes?: number;
  readonly maxEntries?: number;
  readonly ttlMs?: number;
}

const MAX_BYTES = 32 * 1_048_576;
const MAX_ENTRIES = 50_000;
/** Of an entry beside its value and its key: measured, not promised by anybody. */
const ENTRY_BYTES = 400;

/** A cache in the process, of 32 MiB unless told otherwise. It always answers. */
export function createMemoryCacheStore(options: MemoryCacheOptions = {}): CacheStore {
  const values = new LRUCache<string, Uint8Array>({
    max: options.maxEntries ?? MAX_ENTRIES,
    maxSize: options.maxBytes ?? MAX_BYTES,
    sizeCalculation: (value, key) => value.byteLength + key.length + ENTRY_BYTES,
    ttl: options.ttlMs ?? CACHE_TTL_MS,
  });
  return {
    async getMany(group, keys) {
      return keys.map((key) => values.get(nameOf(group, key)));
    },
    async setMany(group, entries) {
      // Copied: a small Buffer is often a slice of a larger one, which would be kept as a whole.
      for (const [key, value] of entries) values.set(nameOf(group, key), new Uint8Array(value));
      return true;
    },
  };
}

function nameOf(group: string, key: string): string {
  return `${group} ${key}`;
}
