import type { TokenBuckets } from './token-buckets.ts';

/**
 * Shared buckets with those of the process as insurance: what the shared ones can't decide, for whatever reason, is decided here, and
 * `fellBack` hears of it. The two don't know of each other, so who changes over finds full buckets: limits get looser for a minute,
 * by the number of instances, and no call fails or waits.
 */
export function createInsuredTokenBuckets(
  shared: TokenBuckets,
  own: TokenBuckets,
  fellBack: () => void,
): TokenBuckets {
  return {
    async take(owner, buckets) {
      try {
        return await shared.take(owner, buckets);
      } catch {
        // Why is the business of the connection, which says so once; each call would say the same again.
        fellBack();
        return await own.take(owner, buckets);
      }
    },
  };
}
