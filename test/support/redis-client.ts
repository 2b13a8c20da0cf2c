import pino from 'pino';
import { vi } from 'vitest';
import type { RedisConfig } from '../../src/config.ts';
import { connectRedis, type RedisConnection } from '../../src/redis/redis-connection.ts';

const opened: RedisConnection[] = [];

/** A connection that answers; patient unless `change` says otherwise, so that a slow machine is no outage. */
export async function openRedis(url: string, change: Partial<RedisConfig> = {}): Promise<RedisConnection> {
  const breaker = { failures: 5, resetMs: 100 };
  const redis = connectRedis(
    { urls: [url], password: undefined, cluster: false, timeoutMs: 5_000, breaker, ...change },
    pino({ level: 'silent' }),
  );
  opened.push(redis);
  await vi.waitFor(() => redis.ping(), { timeout: 10_000 });
  return redis;
}

/** Closes what this test file has opened. */
export async function closeRedis(): Promise<void> {
  for (const redis of opened.splice(0)) await redis.close();
}
