import { expect } from 'vitest';
import { ChatError } from '../../src/chat/errors.ts';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';
import { decodeCursor } from '../../src/streams/cursor.ts';
import type { DeliveredEvent, StreamRequest, Streams } from '../../src/streams/streams.ts';

/** Reads one stream and keeps what came. */
export class StreamClient {
  readonly batches: (readonly DeliveredEvent[])[] = [];
  readonly events: MessageEvent[] = [];
  /** Why it ended: a reason of ChatError, `end`, or undefined while it is open. */
  ended: string | undefined;
  readonly finished: Promise<void>;
  readonly #abort = new AbortController();
  readonly #stream: AsyncIterator<readonly DeliveredEvent[]>;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(streams: Streams, request: StreamRequest, options: { readonly stalled?: boolean } = {}) {
    if (options.stalled === true) this.stall();
    this.#stream = streams.open(request, this.#abort.signal)[Symbol.asyncIterator]();
    this.finished = this.#read();
  }

  /** Takes the batch that is under way and then no more. */
  stall(): void {
    this.#gate ??= Promise.withResolvers();
  }

  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** The client is gone, whatever it was reading. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.resume();
    await this.finished;
  }

  /** Cursor of the last event that has one. */
  get cursor(): string {
    return this.events.findLast(({ cursor }) => cursor !== '')?.cursor ?? '';
  }

  /** Sequence of that cursor. */
  get position(): number {
    return decodeCursor(this.cursor)?.sequence ?? -1;
  }

  get connected(): boolean {
    return this.events.some(({ event }) => event.case === 'connected');
  }

  /** Ids of the events that were published, in the order in which they came. */
  get ids(): string[] {
    return this.events.map(({ eventId }) => eventId).filter((id) => id !== '');
  }

  /** What came, in words. */
  get story(): string[] {
    return this.events.map(({ event }) =>
      event.case === 'resyncRequired' ? event.value.reason : `${event.case}`,
    );
  }

  async untilConnected(): Promise<this> {
    await expect.poll(() => this.connected, POLL).toBe(true);
    return this;
  }

  async untilHas(eventId: string): Promise<this> {
    await expect.poll(() => this.ids.includes(eventId), POLL).toBe(true);
    return this;
  }

  async untilEnded(): Promise<string> {
    await this.finished;
    return this.ended ?? '';
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        await this.#gate?.promise;
        const { value, done } = await this.#stream.next();
        if (done === true) break;
        this.batches.push(value);
        this.events.push(...value.map(({ event }) => event));
      }
      this.ended = 'end';
    } catch (error) {
      this.ended = error instanceof ChatError ? error.reason : String(error);
    }
  }
}

/** Patient enough for a busy machine. */
export const POLL = { timeout: 20_000, interval: 5 };
