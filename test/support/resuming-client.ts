import { setTimeout as pause } from 'node:timers/promises';
import { type Client, type Code, ConnectError } from '@connectrpc/connect';
import { expect } from 'vitest';
import type { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';

const RECONNECT_MS = 20;
const WATCH_MS = 100;

/** What a client may do differently. */
export interface ResumingOptions {
  /** It gives a stream up that has said nothing for so long, as clients should after two heartbeats. */
  readonly silenceMs?: number;
}

/** Where to connect next: another instance each time, when there are several. */
export type Connect = () => Promise<Client<typeof ChatService>> | Client<typeof ChatService>;

/**
 * A client as they should be: reads its stream over the real port, and whenever it breaks resumes with the cursor of the
 * last event it got, until it is closed.
 */
export class ResumingClient {
  readonly events: MessageEvent[] = [];
  /** Streams opened so far. */
  opened = 0;
  /** Codes with which streams ended. */
  readonly ends: Code[] = [];
  /** The longest time in which it heard nothing, milliseconds; set it to 0 to begin anew. */
  longestSilenceMs = 0;
  #heardAt = performance.now();
  readonly #connect: Connect;
  readonly #watch: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #connection = new AbortController();
  /** Of the stream that is being opened, until it says something. */
  #openedAt: number | undefined;

  constructor(connect: Connect, { silenceMs }: ResumingOptions = {}) {
    this.#connect = connect;
    if (silenceMs !== undefined) this.#watch = setInterval(() => this.#giveUp(silenceMs), WATCH_MS);
    this.#running = this.#run();
  }

  /** Breaks the connection; the client comes back by itself. */
  drop(): void {
    this.#connection.abort();
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    this.#closing.abort();
    await this.#running;
  }

  /** Sequences of a room's messages, in the order in which they came. */
  sequences(roomId: string): number[] {
    return this.events.flatMap(({ event }) =>
      event.case === 'message' && event.value.roomId === roomId ? [event.value.sequence] : [],
    );
  }

  /** Reasons of the resyncs it was told about. */
  get resyncs(): string[] {
    return this.events.flatMap(({ event }) => (event.case === 'resyncRequired' ? [event.value.reason] : []));
  }

  async untilConnected(): Promise<this> {
    await expect.poll(() => this.events.some(({ event }) => event.case === 'connected'), POLL).toBe(true);
    return this;
  }

  /** Waits for the message with that sequence; then everything up to it must be there: once, in order, without a gap. */
  async expectAll(roomId: string, from: number, to: number): Promise<void> {
    await expect.poll(() => this.sequences(roomId).at(-1) ?? 0, POLL).toBeGreaterThanOrEqual(to);
    expect(this.sequences(roomId).filter((sequence) => sequence >= from && sequence <= to)).toEqual(
      Array.from({ length: to - from + 1 }, (_, index) => from + index),
    );
  }

  #hear(event: MessageEvent): void {
    const now = performance.now();
    this.longestSilenceMs = Math.max(this.longestSilenceMs, now - this.#heardAt);
    this.#heardAt = now;
    this.#openedAt = undefined;
    this.events.push(event);
  }

  #giveUp(silenceMs: number): void {
    if (performance.now() - (this.#openedAt ?? this.#heardAt) > silenceMs) this.drop();
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#connection = new AbortController();
      const signal = AbortSignal.any([this.#closing.signal, this.#connection.signal]);
      try {
        const client = await this.#connect();
        this.opened += 1;
        this.#openedAt = performance.now();
        const cursor = this.events.findLast((event) => event.cursor !== '')?.cursor;
        const request = cursor === undefined ? {} : { cursor };
        for await (const event of client.streamMessages(request, { signal })) this.#hear(event);
      } catch (error) {
        if (!signal.aborted) this.ends.push(ConnectError.from(error).code);
      }
      if (!this.#closing.signal.aborted) await pause(RECONNECT_MS);
    }
  }
}

const POLL = { timeout: 40_000, interval: 20 };

/** Sends numbered messages one after the other until told to stop; a failed send is repeated with the same client-side id. */
export class Sender {
  /** Answers that said the message is stored. */
  acknowledged = 0;
  /** Sends that failed, by code. */
  readonly failures: Code[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  /** `everyMs`: the pause after each send. */
  constructor(connect: Connect, roomId: string, name: string, { everyMs = 0 } = {}) {
    this.#running = this.#run(connect, roomId, name, everyMs);
  }

  /** Resolves when this many sends are acknowledged. */
  async until(count: number): Promise<void> {
    await expect.poll(() => this.acknowledged, POLL).toBeGreaterThanOrEqual(count);
  }

  /** Finishes the send under way. */
  async stop(): Promise<number> {
    this.#stop.abort();
    await this.#running;
    return this.acknowledged;
  }

  async #run(connect: Connect, roomId: string, name: string, everyMs: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const senderMessageId = `${name}-${this.acknowledged + 1}`;
      try {
        const client = await connect();
        await client.sendMessage({ roomId, content: senderMessageId, senderMessageId }, { timeoutMs: 5_000 });
        this.acknowledged += 1;
        if (everyMs > 0) await pause(everyMs);
      } catch (error) {
        this.failures.push(ConnectError.from(error).code);
        await pause(RECONNECT_MS);
      }
    }
  }
}
