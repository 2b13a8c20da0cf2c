import { LRUCache } from 'lru-cache';
import type { Metrics } from '../metrics/metrics.ts';
import type { RateLimiter } from './rate-limiter.ts';

/**
 * Who guesses tokens is not heard for a while: by address, since nobody knows who he is.
 *
 * Invariants:
 * - Only failures take tokens, from buckets that all instances share.
 * - A call that goes well asks nobody. An instance learns that an address has no token left when a call of it fails there, and
 *   remembers for how long: until then it refuses the address without looking at tokens. So each instance that an address turns to
 *   may hear it once more.
 * - At most MAX_ADDRESSES are remembered. One that is forgotten too early is heard again, and its next failure finds the empty bucket.
 */
export interface FailedAuthentications {
  /** Milliseconds until the address is heard again; 0: it is heard. The address is only asked for when somebody is refused at all. */
  refusedFor(address: () => string): number;
  /** A call of the address proved nothing. Milliseconds for which that is to be refused as too much; 0: it was not too much. */
  failed(address: string): Promise<number>;
  /** Hears everybody again: the limit is another one now. */
  forget(): void;
}

const MAX_ADDRESSES = 10_000;

/** Nobody is refused at first. */
export function createFailedAuthentications(
  limiter: RateLimiter,
  decisions: Metrics['rateLimitDecisions'],
  now: () => number = () => performance.now(),
): FailedAuthentications {
  const refusedUntil = new LRUCache<string, number>({ max: MAX_ADDRESSES });
  return {
    refusedFor(address) {
      if (refusedUntil.size === 0) return 0;
      const key = address();
      const waitMs = (refusedUntil.get(key) ?? 0) - now();
      if (waitMs > 0) {
        decisions.inc({ limit: 'failed_authentications', outcome: 'refused' });
        return waitMs;
      }
      refusedUntil.delete(key);
      return 0;
    },
    async failed(address) {
      const { allowed, waitMs } = await limiter.take(`address:${address}`, [
        { limit: 'failed_authentications' },
      ]);
      if (waitMs > 0) refusedUntil.set(address, now() + waitMs);
      return allowed ? 0 : waitMs;
    },
    forget() {
      refusedUntil.clear();
    },
  };
}
