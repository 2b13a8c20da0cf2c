import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Logger } from '../logger.ts';

const FRESH_MS = 600_000;
const RETRY_MS = 10_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1_048_576;

/** Where a key set comes from; replaced in tests. */
export type FetchKeySet = (signal: AbortSignal) => Promise<JSONWebKeySet>;

/**
 * A published key set (JWKS), cached and rotated.
 *
 * - Asked for at first use, then again every ten minutes, and when a token names a key that is not in it.
 * - At most one request at a time and, after an answer or a failure, the next one ten seconds later: neither
 *   invented key ids nor an outage turn into a storm.
 * - During an outage the last known set stays in use. The result rejects with something else than a jose error only
 *   when no set was ever read.
 */
export class KeySet {
  readonly #fetch: FetchKeySet;
  readonly #logger: Logger;
  #keys: JWTVerifyGetKey | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #pending: Promise<void> | undefined;

  constructor(fetch: FetchKeySet, logger: Logger) {
    this.#fetch = fetch;
    this.#logger = logger;
  }

  /** Asks for the set when there is none. Rejects when it can't be read. */
  async load(): Promise<void> {
    if (this.#keys === undefined) await this.#refresh();
    if (this.#keys === undefined) throw this.#missing();
  }

  /** The key of a token's header, as jose asks for it. */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    if (this.#keys === undefined) await this.#refresh();
    else if (Date.now() - this.#readAt > FRESH_MS) void this.#refresh();
    const keys = this.#keys;
    if (keys === undefined) throw this.#missing();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refresh();
      return await (this.#keys ?? keys)(header, token);
    }
  };

  #missing(): Error {
    return new Error('the key set is not available', { cause: this.#failure });
  }

  /** Never rejects. */
  async #refresh(): Promise<void> {
    if (this.#pending === undefined && Date.now() - this.#askedAt < RETRY_MS) return;
    this.#pending ??= this.#read().finally(() => {
      this.#pending = undefined;
      this.#askedAt = Date.now();
    });
    await this.#pending;
  }

  async #read(): Promise<void> {
    try {
      this.#keys = createLocalJWKSet(await this.#fetch(AbortSignal.timeout(TIMEOUT_MS)));
      this.#readAt = Date.now();
    } catch (error) {
      this.#failure = error;
      this.#logger.warn({ err: error }, 'the key set that verifies tokens could not be read');
    }
  }
}

/** Reads a key set over HTTP; redirects are not followed. */
export function fetchKeySet(url: string): FetchKeySet {
  return async (signal) => {
    const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (!response.ok) throw new Error(`the key set answered HTTP ${response.status}`);
    const text = await response.text();
    if (text.length > MAX_BYTES) throw new Error('the key set is too large');
    // createLocalJWKSet checks the shape.
    return JSON.parse(text) as JSONWebKeySet;
  };
}
