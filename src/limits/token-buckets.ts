/** A bucket of tokens: full at first, and never more than full. */
export interface Bucket {
  /** Tells the buckets of one owner apart. */
  readonly name: string;
  /** Tokens when full: so many calls may come at once. */
  readonly capacity: number;
  /** Tokens that flow in, evenly, over a minute. More than 0. */
  readonly perMinute: number;
}

/** What became of a call that wanted a token. */
export interface Decision {
  readonly allowed: boolean;
  /** Milliseconds until each of the buckets has a token again; 0 when each has more left. */
  readonly waitMs: number;
  /** Names of the buckets that had no token; none when allowed. */
  readonly empty: readonly string[];
}

/**
 * Token buckets, by owner and name. Over any time, a bucket gives away at most its capacity plus what flowed in, and never
 * refuses below that. A bucket that nobody has touched for as long as it takes to fill is forgotten.
 */
export interface TokenBuckets {
  /**
   * Takes one token from each of the owner's buckets, or none from any: what one refuses does not cost the others anything.
   * Rejects only when the buckets can't be asked.
   */
  take(owner: string, buckets: readonly Bucket[]): Promise<Decision>;
}

/** One token, in the unit that buckets count in: with whole milliseconds everything stays a whole number, so nothing is lost by rounding. */
export const TOKEN = 60_000;
