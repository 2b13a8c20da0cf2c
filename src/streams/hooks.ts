import type { ResyncReason, StreamEvent } from './stream-event.ts';

/** Hears what happens, for metrics. */
export interface StreamsHooks {
  opened?(platform: string): void;
  /** `reason` is undefined when the client went. */
  ended?(platform: string, reason: string | undefined): void;
  /** An event was given to the streams of this instance, so long after it was committed. */
  handedOver?(delayMs: number): void;
  /** An event that belongs to a trace was given to so many streams of this instance, more than none, since that time. */
  traced?(event: StreamEvent, streams: number, since: number): void;
  /** So many events were written to a stream, heartbeats included. */
  written?(events: number): void;
  /** A stream that resumed was given so many events before it went live. */
  replayed?(events: number): void;
  resync?(reason: ResyncReason): void;
}

/** What waits in all queues together, and how full the fullest is, 0 to 1. */
export interface StreamBuffers {
  readonly events: number;
  readonly fill: number;
}
