import type { RedisConnection } from '../redis/redis-connection.ts';
import { CACHE_TTL_MS, type CacheStore } from './cache-store.ts';

/** What the cache needs of Redis. */
export type CacheRedis = Pick<RedisConnection, 'run'>;

/** Not that of the inherited service, whose instances may use the same Redis: their values look different. */
const PREFIX = 'chat:v1:cache:';

/**
 * A cache that all instances share. Redis bounds it: by the time of each value, and by its own `maxmemory`.
 * A request takes no longer than the connection allows, and none is made while its breaker is open.
 */
export function createRedisCacheStore(
  redis: CacheRedis,
  { ttlMs = CACHE_TTL_MS }: { readonly ttlMs?: number } = {},
): CacheStore {
  return {
    async getMany(group, keys) {
      if (keys.length === 0) return [];
      const names = keys.map((key) => nameOf(group, key));
      try {
        const values = await redis.run(async (client) => await client.mgetBuffer(names));
        return keys.map((_, index) => values[index] ?? undefined);
      } catch {
        return undefined;
      }
    },
    async setMany(group, entries) {
      if (entries.size === 0) return true;
      try {
        await redis.run(async (client) => {
          const pipeline = client.pipeline();
          for (const [key, value] of entries) pipeline.set(nameOf(group, key), asBuffer(value), 'PX', ttlMs);
          for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
        });
        return true;
      } catch {
        return false;
      }
    },
  };
}

/** A cluster places a key by what is in braces: those of a group are on one node, in one slot. */
function nameOf(group: string, key: string): string {
  return `${PREFIX}{${group}}:${key}`;
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
