import type { MessageEvent } from '../gen/services/chat/v1/types_pb.ts';

/**
 * One event on its way to the broker.
 *
 * `roomEvent` numbers the events of a room 1, 2, 3 … without gaps, in commit order: it is given under the room's
 * row lock, in the transaction that caused the event. It travels in the broker header {@link ROOM_EVENT_HEADER} and lets every
 * reader prove order, drop repeats and notice a gap. For an event on a user's direct subject (`room_join`) it is the number
 * after which the user sees the room's events: it takes no number of its own.
 */
export interface OutboxEvent {
  /** UUID v4; the broker's message id, so that a repeated publish is stored once. */
  readonly eventId: string;
  /** `CHAT_EVENTS.<room id>` or `CHAT_DIRECT_EVENTS.<user id>`. */
  readonly subject: string;
  readonly roomEvent: number;
  /** The acting user. */
  readonly userId: number;
  /** Complete, with `event_id` and `room_id`; without `cursor` and `room`. */
  readonly event: MessageEvent;
  /** W3C `traceparent` of what caused the event; undefined when that is not traced. */
  readonly traceContext?: string | undefined;
}

/** A stored hand-over: one row, one or more events that are published together and in this order. */
export interface OutboxEntry {
  /** Grows in commit order within a room. */
  readonly id: number;
  /** When it was written, milliseconds since the epoch. */
  readonly createdAt: number;
  readonly events: readonly OutboxEvent[];
}

/**
 * The durable hand-over between a transaction and the broker: what is committed is here until it was published.
 * Written only by the repository, in the transaction that causes the event; read only by the dispatcher.
 */
export interface Outbox {
  /**
   * Takes the cluster-wide right to dispatch. Resolves to undefined when another instance holds it.
   * `lost` aborts when the right is gone (connection lost); `release` gives it back.
   */
  acquire(): Promise<OutboxLease | undefined>;
  /** Oldest entries first, at most `limit`. Never skips an entry: what was returned and not removed is returned again. */
  read(limit: number): Promise<OutboxEntry[]>;
  /** Forgets published entries. */
  remove(ids: readonly number[]): Promise<void>;
  /** Called after each commit of this process that wrote an entry; only a hint. Returns the unsubscribe function. */
  onCommit(wake: () => void): () => void;
  /** Entries waiting, and the age of the oldest in milliseconds. */
  depth(): Promise<{ readonly count: number; readonly oldestAgeMs: number }>;
}

/** The right to dispatch. */
export interface OutboxLease {
  readonly lost: AbortSignal;
  release(): Promise<void>;
}
