import { createContextKey } from '@connectrpc/connect';
import type { DeliveredEvent } from '../streams/streams.ts';

/** Takes the events of a StreamMessages call in place of its response messages: the way out for doors that are no RPC. */
export interface StreamSink {
  /** What opening the stream counts as. */
  readonly limit: 'opened_streams' | 'polls';
  /** Aborts when no more is wanted: the call ends well, and what was taken last does not count as written. */
  readonly enough: AbortSignal;
  /** Takes a batch; resolves when it can take the next one, or when `signal` aborts. */
  take(batch: readonly DeliveredEvent[], signal: AbortSignal): Promise<void>;
}

/** Where a call has its sink; undefined for an RPC. */
export const sinkKey = createContextKey<StreamSink | undefined>(undefined, {
  description: 'sink of a stream',
});
