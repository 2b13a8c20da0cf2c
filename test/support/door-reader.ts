import { ConnectError } from '@connectrpc/connect';
import { expect } from 'vitest';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';
import type { DoorCaller, DoorOrder, StreamDoor } from './stream-doors.ts';

const POLL = { timeout: 40_000, interval: 20 };

/** A client behind a door: reads until the stream ends, and comes back with its cursor when it is told to. */
export class DoorReader {
  readonly events: MessageEvent[] = [];
  /** Why its streams ended. */
  readonly ends: string[] = [];
  readonly #door: StreamDoor;
  #connection = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  #stalled: PromiseWithResolvers<void> | undefined;

  constructor(door: StreamDoor, caller: DoorCaller, order: DoorOrder = {}) {
    this.#door = door;
    this.#open(caller, order);
  }

  /** The newest one it was told. */
  get cursor(): string {
    return this.events.findLast(({ cursor }) => cursor !== '')?.cursor ?? '';
  }

  /** Kinds of the events, in the order in which they came. */
  get story(): (string | undefined)[] {
    return this.events.map(({ event }) => event.case);
  }

  /** Sequences of a room's messages, in the order in which they came. */
  sequences(roomId: string): number[] {
    return this.events.flatMap(({ event }) =>
      event.case === 'message' && event.value.roomId === roomId ? [event.value.sequence] : [],
    );
  }

  /** Takes nothing more until `resume`. */
  stall(): void {
    this.#stalled ??= Promise.withResolvers();
  }

  resume(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  /** Breaks the connection and comes back with its cursor. */
  async comeBack(caller: DoorCaller): Promise<void> {
    await this.close();
    const { cursor } = this;
    this.#open(caller, cursor === '' ? {} : { cursor });
  }

  async close(): Promise<void> {
    this.resume();
    this.#connection.abort();
    await this.#reading;
  }

  async untilConnected(): Promise<this> {
    await expect.poll(() => [...this.story, ...this.ends], POLL).toContain('connected');
    return this;
  }

  /** Waits for the room's message with that sequence. */
  async untilHas(roomId: string, sequence: number): Promise<void> {
    await expect.poll(() => this.sequences(roomId).at(-1) ?? 0, POLL).toBeGreaterThanOrEqual(sequence);
  }

  /** Resolves with the reason once its stream has ended. */
  async untilEnded(): Promise<string> {
    await expect.poll(() => this.ends.length, POLL).toBeGreaterThan(0);
    return this.ends.at(-1) ?? '';
  }

  #open(caller: DoorCaller, order: DoorOrder): void {
    this.#connection = new AbortController();
    this.#reading = this.#read(caller, order, this.#connection.signal);
  }

  async #read(caller: DoorCaller, order: DoorOrder, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#door.open(caller, order, signal)) {
        if (signal.aborted) return;
        this.events.push(event);
        await this.#stalled?.promise;
      }
      if (!signal.aborted) this.ends.push('');
    } catch (error) {
      if (!signal.aborted) this.ends.push(ConnectError.from(error).rawMessage);
    }
  }
}
