import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel';

/** Keeps callers from waiting for something that has failed several times in a row. */
export interface Breaker {
  /** Does the work, or rejects at once while open; see {@link isBreakerOpen}. */
  run<T>(work: () => Promise<T>): Promise<T>;
  state(): BreakerState;
}

/** `half-open`: one call is let through, and its outcome decides. */
export type BreakerState = 'closed' | 'half-open' | 'open';

export interface BreakerOptions {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** After this many milliseconds one call is let through. */
  readonly resetMs: number;
  /** Which errors count; left out: all. */
  readonly isFailure?: (error: unknown) => boolean;
  /** It opened, for the first time since it was closed. */
  readonly onOpen?: (error: unknown) => void;
  readonly onClose?: () => void;
}

/** A closed breaker. */
export function createBreaker(options: BreakerOptions): Breaker {
  const policy = circuitBreaker(
    handleWhen((error) => options.isFailure?.(error) ?? true),
    { halfOpenAfter: options.resetMs, breaker: new ConsecutiveBreaker(options.failures) },
  );
  let isAway = false;
  policy.onBreak((reason) => {
    if (!isAway) options.onOpen?.('error' in reason ? reason.error : undefined);
    isAway = true;
  });
  policy.onReset(() => {
    isAway = false;
    options.onClose?.();
  });
  return {
    run: async (work) => await policy.execute(work),
    state: () => STATES[policy.state],
  };
}

/** Whether the work was not even begun, because the breaker is open. */
export function isBreakerOpen(error: unknown): boolean {
  return isBrokenCircuitError(error);
}

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
};
