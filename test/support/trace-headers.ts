import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/** A caller's place in a trace, and the header that tells it. */
export interface CallersTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
}

/** A trace that nobody has seen before; `sampled`: the caller keeps it. */
export function callersTrace(sampled = true): CallersTrace {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` };
}

/** For stores in tests: the `traceparent` of what their caller is doing. */
export const traceContext = new AsyncLocalStorage<string>();
