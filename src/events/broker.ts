import type { Service } from '../lifecycle.ts';

/** What is published: the JSON wrapper of behaviour 2.3 as bytes. */
export interface BrokerMessage {
  /** Event id; a message with an id that the broker has seen in the last two minutes is not stored again. */
  readonly id: string;
  readonly subject: string;
  /** See {@link OutboxEvent.roomEvent}. */
  readonly roomEvent: number;
  /** When the event was committed, milliseconds since the epoch. */
  readonly committedAt?: number;
  /** W3C `traceparent` under which the event is delivered; undefined when it is not traced. */
  readonly traceContext?: string | undefined;
  readonly data: Uint8Array;
}

/** What the broker retained. */
export interface StoredMessage {
  /** Position in the history: grows over all subjects, with gaps. */
  readonly sequence: number;
  readonly subject: string;
  /** From the header; undefined for a message of another producer. */
  readonly roomEvent: number | undefined;
  /** See {@link BrokerMessage.committedAt}; undefined when nobody said. */
  readonly committedAt?: number | undefined;
  /** See {@link BrokerMessage.traceContext}; as it came, whoever wrote it. */
  readonly traceContext?: string | undefined;
  readonly data: Uint8Array;
}

/** The retained history: `epoch` names its incarnation (a wiped and recreated history has another one). */
export interface BrokerState {
  readonly epoch: string;
  /** Sequence of the oldest message still held; `last + 1` when none is. */
  readonly first: number;
  /** Sequence of the newest message ever stored; 0 when there was none. */
  readonly last: number;
}

/** Follows the whole live history; called in sequence order, one call at a time. */
export interface LiveHandler {
  /** The next messages of the history. */
  messages(batch: readonly StoredMessage[]): void;
  /** The history was lost, replaced, or a part of it was missed: continue from `state.last`; nothing before it will come. */
  reset(state: BrokerState): void;
}

/**
 * The replay buffer between instances. Postgres is the record; this may be lost.
 * Everything is bounded: 1000 messages a subject, 7 days.
 */
export interface Broker extends Service {
  /**
   * Publishes in order and resolves to how many messages, counted from the first, are known to be stored.
   * A message after a failed one is never stored before it is. Never rejects for an outage: it resolves to fewer, after at most `timeoutMs`.
   */
  publish(messages: readonly BrokerMessage[], timeoutMs: number): Promise<number>;
  /** The stored `roomEvent` of the newest message of a subject; undefined when there is none. Tells whether an old entry was published already. */
  lastRoomEvent(subject: string): Promise<number | undefined>;
  /** Where the history stands. Rejects when the broker can't be asked. */
  state(): Promise<BrokerState>;
  /**
   * True when every message of `subjects` with a sequence above `after` is still held, false when some may have been discarded.
   */
  holdsAllAfter(after: number, subjects: readonly string[]): Promise<boolean>;
  /**
   * Reads messages of `subjects` with a sequence above `after`, in order.
   * With `until`, ends when everything up to and including `until` was read; without it, follows for ever.
   * Ends silently when `signal` aborts; rejects with {@link HistoryLostError} when the history is replaced meanwhile.
   */
  read(
    options: { readonly after: number; readonly until?: number; readonly subjects: readonly string[] },
    signal: AbortSignal,
  ): AsyncIterable<readonly StoredMessage[]>;
  /**
   * Follows everything from now on, for the life of the broker; one per process.
   * Resolves to where it starts: messages above `state.last` are handed over.
   */
  follow(handler: LiveHandler): Promise<BrokerState>;
  /** Tells every instance, this one included, at most once, not retained. Dropped silently when the broker is away. */
  broadcast(subject: BroadcastSubject, data: Uint8Array): void;
  /** Hears broadcasts. Returns the unsubscribe function. */
  onBroadcast(subject: BroadcastSubject, handler: (data: Uint8Array) => void): () => void;
  /** Undefined when publishing works, else the text that /readyz shows. */
  health(): Promise<string | undefined>;
}

/** `CHAT_TYPING`: typing events. `CHAT_WAKE`: an outbox has entries. `CHAT_STREAM_OPENED`: a client id opened a stream. */
export type BroadcastSubject = 'CHAT_TYPING' | 'CHAT_WAKE' | 'CHAT_STREAM_OPENED';

/** The history that was read is gone; the reader must resynchronise. */
export class HistoryLostError extends Error {
  constructor() {
    super('the retained history was lost');
    this.name = 'HistoryLostError';
  }
}
