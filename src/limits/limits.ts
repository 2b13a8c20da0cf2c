import type { RateLimits } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RedisConnection } from '../redis/redis-connection.ts';
import { createFailedAuthentications, type FailedAuthentications } from './failed-authentications.ts';
import { createInsuredTokenBuckets } from './insured-token-buckets.ts';
import { createMemoryTokenBuckets } from './memory-token-buckets.ts';
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts';
import { createRedisTokenBuckets } from './redis-token-buckets.ts';
import type { TokenBuckets } from './token-buckets.ts';

/** Everything that is limited by time. */
export interface Limits {
  /** What users do. */
  readonly calls: Pick<RateLimiter, 'take'>;
  readonly failedAuthentications: Pick<FailedAuthentications, 'refusedFor' | 'failed'>;
  /** From now on by these. */
  change(rates: RateLimits): void;
}

/** Limits that all instances with this Redis share; without one, or while it is away, those of the process. */
export function createLimits(options: {
  readonly rates: RateLimits;
  readonly redis: RedisConnection | undefined;
  readonly metrics: Pick<Metrics, 'rateLimitDecisions' | 'rateLimitFallbacks'>;
}): Limits {
  const { rates, redis, metrics } = options;
  const buckets = (): TokenBuckets => {
    const own = createMemoryTokenBuckets();
    if (redis === undefined) return own;
    return createInsuredTokenBuckets(createRedisTokenBuckets(redis), own, () =>
      metrics.rateLimitFallbacks.inc(),
    );
  };
  const { rateLimitDecisions } = metrics;
  const calls = createRateLimiter(rates, buckets(), rateLimitDecisions);
  // Buckets of their own: whoever has many addresses does not push users out of a full memory.
  const failures = createRateLimiter(rates, buckets(), rateLimitDecisions);
  const failedAuthentications = createFailedAuthentications(failures, rateLimitDecisions);
  return {
    calls,
    failedAuthentications,
    change(next) {
      calls.change(next);
      failures.change(next);
      failedAuthentications.forget();
    },
  };
}
