import { LRUCache } from 'lru-cache';
import { type Bucket, type Decision, TOKEN, type TokenBuckets } from './token-buckets.ts';

/** Some 20 MB when full. */
const MAX_BUCKETS = 100_000;

/** What is missing in a bucket, in TOKENs of a token, as of a time. */
interface Level {
  readonly missing: number;
  readonly at: number;
}

/**
 * Buckets of this process.
 *
 * Only what is missing is kept, so a bucket that is not there is a full one. At most `maxBuckets` are kept; beyond that the one that
 * nobody has touched for the longest time is forgotten, that is, filled. It is also the one that most likely is full by itself.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function createMemoryTokenBuckets(
  now: () => number = () => performance.now(),
  maxBuckets = MAX_BUCKETS,
): TokenBuckets {
  const levels = new LRUCache<string, Level>({ max: maxBuckets });
  return {
    async take(owner, buckets) {
      const at = Math.floor(now());
      const wanted = buckets.map((bucket) => {
        const key = `${owner}:${bucket.name}`;
        return { key, bucket, missing: missingAt(levels.get(key), bucket, at) + TOKEN };
      });
      const empty = wanted.filter(({ bucket, missing }) => missing > bucket.capacity * TOKEN);
      if (empty.length > 0) return refused(empty);
      for (const { key, missing } of wanted) levels.set(key, { missing, at });
      return {
        allowed: true,
        waitMs: longestWait(wanted.map(({ bucket, missing }) => ({ bucket, missing: missing + TOKEN }))),
        empty: [],
      };
    },
  };
}

/** What is missing by now, after what flowed in since. */
function missingAt(level: Level | undefined, { perMinute }: Bucket, at: number): number {
  return level === undefined ? 0 : Math.max(0, level.missing - (at - level.at) * perMinute);
}

type Wanted = { readonly bucket: Bucket; readonly missing: number };

function refused(empty: readonly Wanted[]): Decision {
  return { allowed: false, waitMs: longestWait(empty), empty: empty.map(({ bucket }) => bucket.name) };
}

/** Until nothing more is missing than the bucket holds. */
function longestWait(wanted: readonly Wanted[]): number {
  return Math.max(
    0,
    ...wanted.map(({ bucket, missing }) => Math.ceil((missing - bucket.capacity * TOKEN) / bucket.perMinute)),
  );
}
