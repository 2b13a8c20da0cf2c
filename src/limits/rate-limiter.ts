import type { RateLimits } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Bucket, Decision, TokenBuckets } from './token-buckets.ts';

/** What is limited, as metrics name it, and the setting that says how much. */
const LIMITS = {
  messages_per_user: 'messagesPerUser',
  messages_per_user_and_room: 'messagesPerUserAndRoom',
  saved_tokens: 'savedTokens',
  created_rooms: 'createdRooms',
  opened_streams: 'openedStreams',
  polls: 'polls',
  failed_authentications: 'failedAuthentications',
} as const satisfies Readonly<Record<string, keyof RateLimits>>;

/** One limit that a call falls under. */
export interface Claim {
  readonly limit: keyof typeof LIMITS;
  /** What the owner is limited on, where that is not everything: a room's id. */
  readonly of?: string;
}

/** Decides by the limits that are set, and counts the decisions. */
export interface RateLimiter {
  /** Under all of the claims or not at all; a limit of 0 lets everything pass and asks nobody. Never rejects over insured buckets. */
  take(owner: string, claims: readonly Claim[]): Promise<Decision>;
  /** From now on by these; what was taken so far stays taken. */
  change(rates: RateLimits): void;
}

const ALLOWED: Decision = { allowed: true, waitMs: 0, empty: [] };

/** A limit of n a minute is a bucket of n tokens that fills within a minute (behaviour R1). */
export function createRateLimiter(
  initial: RateLimits,
  buckets: TokenBuckets,
  decisions: Metrics['rateLimitDecisions'],
): RateLimiter {
  let rates = initial;
  return {
    async take(owner, claims) {
      const wanted = claims.filter(({ limit }) => rates[LIMITS[limit]] > 0);
      if (wanted.length === 0) return ALLOWED;
      const decision = await buckets.take(
        owner,
        wanted.map((claim) => bucketOf(claim, rates[LIMITS[claim.limit]])),
      );
      for (const claim of wanted) {
        // Of a refused call, a bucket that had a token kept it: nothing was decided there.
        if (decision.allowed) decisions.inc({ limit: claim.limit, outcome: 'allowed' });
        else if (decision.empty.includes(nameOf(claim)))
          decisions.inc({ limit: claim.limit, outcome: 'refused' });
      }
      return decision;
    },
    change(next) {
      rates = next;
    },
  };
}

function bucketOf(claim: Claim, perMinute: number): Bucket {
  return { name: nameOf(claim), capacity: perMinute, perMinute };
}

function nameOf({ limit, of }: Claim): string {
  return of === undefined ? limit : `${limit}:${of}`;
}
