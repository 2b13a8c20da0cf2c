import { expect } from 'vitest';
import type { ChatEvent, ChatEvents } from '../../src/client/client.ts';

const POLL = { timeout: 40_000, interval: 10 };

/** Reads a client's events in the background and keeps them. */
export class Reader {
  readonly all: ChatEvent[] = [];
  /** Resolves when reading has ended; rejects with what the client gave up for. */
  readonly ended: Promise<void>;
  readonly #events: ChatEvents;

  /** `each` is awaited before the next event is asked for. */
  constructor(events: ChatEvents, each: (event: ChatEvent) => Promise<void> | void = () => {}) {
    this.#events = events;
    this.ended = this.#run(each);
    this.ended.catch(() => undefined);
  }

  /** Sequences of a room's messages, in the order in which they came. */
  sequences(roomId: string): number[] {
    return this.all.flatMap((one) =>
      one.type === 'event' && one.event.event.case === 'message' && one.event.roomId === roomId
        ? [one.event.event.value.sequence]
        : [],
    );
  }

  /** Contents of all messages. */
  get contents(): string[] {
    return this.all.flatMap((one) =>
      one.type === 'event' && one.event.event.case === 'message' ? [one.event.event.value.content] : [],
    );
  }

  get resyncs(): string[] {
    return this.all.flatMap((one) => (one.type === 'resync' ? [one.reason] : []));
  }

  /** Why connections ended. */
  get losses(): string[] {
    return this.all.flatMap((one) => (one.type === 'status' && one.status === 'offline' ? [one.reason] : []));
  }

  /** How the connection is, as far as it was told. */
  get status(): string | undefined {
    return this.all.findLast((one) => one.type === 'status')?.status;
  }

  /** How often it came online. */
  get connections(): number {
    return this.all.filter((one) => one.type === 'status' && one.status === 'online').length;
  }

  async untilOnline(times = 1): Promise<this> {
    await expect.poll(() => this.connections, POLL).toBeGreaterThanOrEqual(times);
    return this;
  }

  /** Waits for the message with that sequence; then each up to it must be there: once, in order, without a gap. */
  async expectAll(roomId: string, to: number): Promise<void> {
    await expect.poll(() => this.sequences(roomId).at(-1) ?? 0, POLL).toBeGreaterThanOrEqual(to);
    const first = this.sequences(roomId)[0] ?? 0;
    expect(this.sequences(roomId)).toEqual(
      Array.from({ length: to - first + 1 }, (_, index) => first + index),
    );
  }

  /** Leaves, as the end of a component does: whether or not something is being waited for. */
  async close(): Promise<void> {
    await this.#events.return();
    await this.ended.catch(() => undefined);
  }

  async #run(each: (event: ChatEvent) => Promise<void> | void): Promise<void> {
    for await (const event of this.#events) {
      this.all.push(event);
      await each(event);
    }
  }
}
