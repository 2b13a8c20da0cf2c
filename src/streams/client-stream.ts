import type { ChatError } from '../chat/errors.ts';
import { PendingEvent } from './enrichment.ts';
import type { StreamPosition } from './ports.ts';
import type { DeliveredEvent, StreamEvent } from './stream-event.ts';

/** Limits of one batch; at least one event whatever its size. */
const MAX_BATCH_EVENTS = 256;
const MAX_BATCH_BYTES = 256 * 1024;

/** Hears what becomes of a stream's events. */
export interface StreamObserver {
  /** The consumer took a batch and asked for the next one: it is written. `position` is that of its last event that has one. */
  written(position: StreamPosition): void;
  /** So many events were written. */
  delivered(events: number): void;
  /** The consumer knows that the stream has ended: nothing more will be written. */
  settled(): void;
}

/** An event in the queue: ready, or waiting for its room view. */
export type QueuedEvent = StreamEvent | PendingEvent;

/**
 * The queue between the hub and one client.
 *
 * Invariants:
 * - Events leave in the order in which they came; one that waits for its room view holds up those behind it.
 * - A batch counts as written when the consumer asks for the next one, not when it is handed over.
 * - The queue itself does not refuse: who pushes asks `isFull` first, or waits for `drained`.
 * - After `end` nothing is handed over; what was not is forgotten.
 */
export class ClientStream implements AsyncIterableIterator<readonly DeliveredEvent[]> {
  readonly #observer: StreamObserver;
  #queue: QueuedEvent[] = [];
  #bytes = 0;
  #taken = 0;
  #takenBytes = 0;
  #takenPosition: StreamPosition | undefined;
  #consumer: PromiseWithResolvers<IteratorResult<readonly DeliveredEvent[]>> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #ended = false;
  #settled = false;
  #error: ChatError | undefined;

  constructor(observer: StreamObserver) {
    this.#observer = observer;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next batch; ends or rejects when the stream ended. One call at a time. */
  next(): Promise<IteratorResult<readonly DeliveredEvent[]>> {
    this.#confirm();
    if (this.#ended) return this.#finish();
    const batch = this.#take();
    if (batch !== undefined) return Promise.resolve({ value: batch, done: false });
    if (this.#consumer !== undefined) return Promise.reject(new Error('a stream has one reader'));
    this.#consumer = Promise.withResolvers();
    return this.#consumer.promise;
  }

  /** The consumer wants no more. The batch that it holds does not count as written. */
  return(): Promise<IteratorResult<readonly DeliveredEvent[]>> {
    this.abandon();
    return Promise.resolve({ value: undefined, done: true });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Events that were pushed and are not written. */
  get undelivered(): number {
    return this.#queue.length + this.#taken;
  }

  /** Whether one more event is too much; something small always fits in an empty stream. */
  isFull(maxEvents: number, maxBytes: number, more: { readonly size: number }): boolean {
    if (this.undelivered === 0) return false;
    return this.undelivered >= maxEvents || this.#bytes + this.#takenBytes + more.size > maxBytes;
  }

  /** Appends an event; it is handed over at the next `flush`. */
  push(event: QueuedEvent): void {
    if (this.#ended) return;
    this.#queue.push(event);
    this.#bytes += event.size;
    if (event instanceof PendingEvent) event.whenSettled(() => this.flush());
  }

  /** Hands what is ready to a consumer that waits. */
  flush(): void {
    if (this.#consumer === undefined) return;
    const batch = this.#take();
    if (batch === undefined) return;
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer.resolve({ value: batch, done: false });
  }

  /** Resolves when everything pushed so far is written, or the stream has ended. */
  drained(): Promise<void> {
    if (this.#ended || this.undelivered === 0) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** Forgets what is queued and matches. */
  purge(matches: (event: StreamEvent) => boolean): void {
    this.#queue = this.#queue.filter((queued) => {
      if (!matches(queued instanceof PendingEvent ? queued.source : queued)) return true;
      this.#bytes -= queued.size;
      return false;
    });
    this.flush();
    this.#release();
  }

  /** Ends the stream at once: the consumer reads the error, or the end when there is none. Later calls change nothing. */
  end(error?: ChatError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#queue = [];
    this.#bytes = 0;
    this.#drained?.resolve();
    const consumer = this.#consumer;
    this.#consumer = undefined;
    if (consumer !== undefined) this.#finish().then(consumer.resolve, consumer.reject);
  }

  /** Ends the stream of a client that is gone: what the consumer holds does not count as written, whatever it says later. */
  abandon(): void {
    this.#taken = 0;
    this.#takenPosition = undefined;
    this.end();
    this.#settle();
  }

  #confirm(): void {
    if (this.#taken === 0) return;
    this.#observer.delivered(this.#taken);
    this.#taken = 0;
    this.#takenBytes = 0;
    if (this.#takenPosition !== undefined) this.#observer.written(this.#takenPosition);
    this.#takenPosition = undefined;
    this.#release();
  }

  #release(): void {
    if (this.undelivered > 0) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  #finish(): Promise<IteratorResult<readonly DeliveredEvent[]>> {
    this.#settle();
    return this.#error === undefined
      ? Promise.resolve({ value: undefined, done: true })
      : Promise.reject(this.#error);
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#observer.settled();
  }

  /** The ready events at the front of the queue, up to the limits of a batch; undefined when there is none. */
  #take(): StreamEvent[] | undefined {
    const batch: StreamEvent[] = [];
    let used = 0;
    let bytes = 0;
    for (const queued of this.#queue) {
      const event = queued instanceof PendingEvent ? queued.outcome : queued;
      if (event === undefined) break;
      if (batch.length >= MAX_BATCH_EVENTS || (batch.length > 0 && bytes + queued.size > MAX_BATCH_BYTES))
        break;
      used += 1;
      bytes += queued.size;
      if (event === null) continue;
      batch.push(event);
      this.#takenPosition = event.position ?? this.#takenPosition;
    }
    if (used === 0) return undefined;
    if (used === this.#queue.length) this.#queue = [];
    else this.#queue.splice(0, used);
    this.#bytes -= bytes;
    if (batch.length === 0) {
      // Only events that are not told.
      this.#release();
      return undefined;
    }
    this.#taken = batch.length;
    this.#takenBytes = bytes;
    return batch;
  }
}
