import { setTimeout as pause } from 'node:timers/promises';
import { type Client, type Code, ConnectError } from '@connectrpc/connect';
import { expect } from 'vitest';
import type { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';

const RECONNECT_MS = 20;

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
  readonly #connect: Connect;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #connection = new AbortController();

  constructor(connect: Connect) {
    this.#connect = connect;
    this.#running = this.#run();
  }

  /** Breaks the connection; the client comes back by itself. */
  drop(): void {
    this.#connection.abort();
  }

  async close(): Promise<void> {
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

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#connection = new AbortController();
      const signal = AbortSignal.any([this.#closing.signal, this.#connection.signal]);
      try {
        const client = await this.#connect();
        this.opened += 1;
        const cursor = this.events.findLast((event) => event.cursor !== '')?.cursor;
        const request = cursor === undefined ? {} : { cursor };
        for await (const event of client.streamMessages(request, { signal })) this.events.push(event);
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

  constructor(connect: Connect, roomId: string, name: string) {
    this.#running = this.#run(connect, roomId, name);
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

  async #run(connect: Connect, roomId: string, name: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const senderMessageId = `${name}-${this.acknowledged + 1}`;
      try {
        const client = await connect();
        await client.sendMessage({ roomId, content: senderMessageId, senderMessageId }, { timeoutMs: 5_000 });
        this.acknowledged += 1;
      } catch (error) {
        this.failures.push(ConnectError.from(error).code);
        await pause(RECONNECT_MS);
      }
    }
  }
}
