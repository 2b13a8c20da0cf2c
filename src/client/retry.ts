import { Code, ConnectError } from '@connectrpc/connect';

/** How long to wait between tries, milliseconds. */
export interface BackoffOptions {
  /** Upper bound of the first wait; doubles with each try. 250. */
  readonly baseMs?: number;
  /** Upper bound of every wait. 10,000. */
  readonly maxMs?: number;
}

const BASE_MS = 250;
const MAX_MS = 10_000;
/** Whatever a server or a proxy asks for, nobody waits longer. */
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Back-off with full jitter: any time between 0 and a bound that doubles, so that the clients of an instance that went do not come
 * back all at once. `retry-after` of a refusal is kept, and a little of the jitter added.
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;

  constructor({ baseMs = BASE_MS, maxMs = MAX_MS }: BackoffOptions, random: () => number) {
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** The wait after the failure of a try; the first is 0. */
  delayMs(attempt: number, error: unknown): number {
    const jitter = this.#random();
    const asked = retryAfterMs(error);
    if (asked !== undefined) return asked + jitter * this.#baseMs;
    return jitter * Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(attempt, 30));
  }
}

/** What a failed call means for a message that waits. */
export type Failure =
  /** The same will be refused again. */
  | 'final'
  /** The service is away, busy or out of reach; it may or may not have stored the message. */
  | 'temporary'
  /** The service had trouble with this one. Again, but not for ever: the message may be what troubles it. */
  | 'trouble';

/** Tells failures apart that go away by themselves from those that don't. */
export function failureOf(error: unknown): Failure {
  const { code, rawMessage, cause } = ConnectError.from(error);
  switch (code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Canceled:
    case Code.Aborted:
      return 'temporary';
    case Code.ResourceExhausted:
      // The other use of this code is a message that is too large.
      return rawMessage === 'invalid_request_data' ? 'final' : 'temporary';
    case Code.Unknown:
      // How fetch says that there is no network.
      return cause instanceof TypeError ? 'temporary' : 'trouble';
    case Code.Internal:
    case Code.DataLoss:
      return 'trouble';
    default:
      // A connection that was cut between two frames.
      return isCut(error) ? 'temporary' : 'final';
  }
}

/** A stream that was cut looks like a broken protocol (`invalid_argument`), not like a refusal of the service. */
export function isCut(error: unknown): boolean {
  return /^protocol error|^missing EndStreamResponse/.test(ConnectError.from(error).rawMessage);
}

/** The token was not accepted, or no longer. */
export function isUnauthenticated(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unauthenticated;
}

function retryAfterMs(error: unknown): number | undefined {
  const text = ConnectError.from(error).metadata.get('retry-after');
  if (text === null || !/^\d+$/.test(text)) return undefined;
  return Math.min(Number(text) * 1_000, MAX_RETRY_AFTER_MS);
}
