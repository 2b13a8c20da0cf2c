import type { ReloadableVerifier } from '../auth/reloadable-verifier.ts';
import type { Config, TokenKeys } from '../config.ts';
import type { Limits } from '../limits/limits.ts';

/** What goes by another configuration without a restart. */
export interface Reloadable {
  readonly limits: Limits;
  readonly verifier: ReloadableVerifier;
  /** Looked up for each stream. */
  readonly streams: { maxStreamsPerUser: number };
  /** What tokens are verified by where the configuration names nothing: made at first start, and never another one. */
  readonly madeKeys: TokenKeys;
}

/**
 * From now on these parts go by that configuration; the log level is the business of who made the logger. Calls and streams go on.
 * Rejects when the token keys can't be had: then those before stay in use, and everything else is done.
 */
export async function applyConfig(config: Config, reloadable: Reloadable): Promise<void> {
  const { limits, verifier, streams, madeKeys } = reloadable;
  limits.change(config.rateLimits);
  streams.maxStreamsPerUser = config.streams.maxPerUser;
  const { keys = madeKeys, issuer, audience } = config.auth;
  await verifier.reload({ keys, issuer, audience });
}
