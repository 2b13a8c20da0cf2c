import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import type { MessageData } from '../gen/services/chat/v1/types_pb.ts';
import {
  ClientClosedError,
  DiscardedError,
  type QueueChange,
  type QueuedMessage,
  QueueFullError,
  type QueueStore,
} from './queue.ts';
import { type Backoff, failureOf } from './retry.ts';
import type { Alarm } from './wait.ts';

/** What the outbox needs. */
export interface OutboxDeps {
  readonly rpc: Pick<Client<typeof ChatService>, 'sendMessage'>;
  readonly backoff: Backoff;
  readonly alarm: Alarm;
  readonly store: QueueStore | undefined;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly changed: (change: QueueChange) => void;
  readonly signal: AbortSignal;
}

const CALL_TIMEOUT_MS = 10_000;
/** Rooms that are sent to at once: a browser has six connections to a host over HTTP/1.1, and the stream needs one. */
const MAX_LANES = 4;
/** Tries of a message that troubles the service while others get through. */
const MAX_TROUBLES = 10;

interface Entry {
  readonly message: QueuedMessage;
  readonly bytes: number;
  /** Resolves when the store has it. */
  readonly kept: Promise<void>;
  readonly outcome: Promise<MessageData>;
  readonly settle: { resolve(stored: MessageData): void; reject(error: unknown): void };
  isSending: boolean;
  isDiscarded: boolean;
}

/**
 * Messages on their way.
 *
 * - In a room they are sent one after the other, in the order of the calls: the next one when the fate of the one before is known.
 * - A try whose outcome is unknown is repeated with the same id, which the service stores once.
 * - What has failed for now is tried again for as long as it takes; what is refused leaves the queue.
 * - Bounded in number and bytes.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #rooms = new Map<string, Entry[]>();
  readonly #lanes = new Set<string>();
  readonly #restored: Promise<void>;
  #bytes = 0;
  #idle: (() => void)[] = [];

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    this.#restored = deps.store === undefined ? Promise.resolve() : this.#restore(deps.store);
    // Who sends or waits hears of a store that fails.
    this.#restored.catch(() => undefined);
    deps.signal.addEventListener('abort', () => this.#close());
  }

  /**
   * Resolves to the stored message; rejects with QueueFullError, with the refusal of the service, or with the failure of the store.
   * A message that waits already is not taken again: the answer is the same.
   */
  async send(message: QueuedMessage): Promise<MessageData> {
    if (this.#deps.signal.aborted) throw new ClientClosedError();
    const known = this.#entries.get(message.senderMessageId);
    if (known !== undefined) return await known.outcome;
    const bytes = JSON.stringify(message).length;
    if (this.#entries.size >= this.#deps.maxMessages || this.#bytes + bytes > this.#deps.maxBytes) {
      throw new QueueFullError();
    }
    // Before older ones are read from the store nothing new may be added to it.
    const kept = this.#restored.then(async () => await this.#deps.store?.add(message));
    return await this.#take(message, bytes, kept).outcome;
  }

  /** Takes a message back, unless it is just being sent; false when it stays, or is not here. */
  discard(senderMessageId: string): boolean {
    const entry = this.#entries.get(senderMessageId);
    if (entry === undefined || entry.isSending || entry.isDiscarded) return false;
    entry.isDiscarded = true;
    void this.#refuse(entry, new DiscardedError());
    // Those behind it need not wait for its next try.
    this.#deps.alarm.ring();
    return true;
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#entries.size;
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#restored;
    if (this.#entries.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #restore(store: QueueStore): Promise<void> {
    const messages = await store.load();
    if (this.#deps.signal.aborted) return;
    const newer = [...this.#rooms.entries()];
    this.#rooms.clear();
    for (const message of messages) {
      if (this.#entries.has(message.senderMessageId)) continue;
      this.#take(message, JSON.stringify(message).length, Promise.resolve());
    }
    // What was sent while the store was read is newer than everything in it.
    for (const [roomId, entries] of newer) this.#rooms.set(roomId, [...this.#queue(roomId), ...entries]);
  }

  #take(message: QueuedMessage, bytes: number, kept: Promise<void>): Entry {
    const { promise: outcome, ...settle } = settleable<MessageData>();
    // Nobody may be waiting for a message of the last run.
    outcome.catch(() => undefined);
    kept.catch(() => undefined);
    const entry = { message, bytes, kept, outcome, settle, isSending: false, isDiscarded: false };
    this.#entries.set(message.senderMessageId, entry);
    this.#bytes += bytes;
    this.#queue(message.roomId).push(entry);
    this.#tell({ type: 'queued', message });
    this.#startLanes();
    return entry;
  }

  #queue(roomId: string): Entry[] {
    const queue = this.#rooms.get(roomId) ?? [];
    this.#rooms.set(roomId, queue);
    return queue;
  }

  #startLanes(): void {
    for (const roomId of this.#rooms.keys()) {
      if (this.#lanes.size >= MAX_LANES) return;
      if (this.#lanes.has(roomId)) continue;
      this.#lanes.add(roomId);
      void this.#runLane(roomId);
    }
  }

  async #runLane(roomId: string): Promise<void> {
    await this.#restored.catch(() => undefined);
    const entry = this.#rooms.get(roomId)?.[0];
    if (entry !== undefined) await this.#deliver(entry);
    if (this.#deps.signal.aborted) return;
    const queue = this.#rooms.get(roomId);
    queue?.shift();
    // To the end of the line: with more rooms than lanes each has its turn.
    this.#rooms.delete(roomId);
    if (queue !== undefined && queue.length > 0) this.#rooms.set(roomId, queue);
    this.#lanes.delete(roomId);
    this.#startLanes();
  }

  async #deliver(entry: Entry): Promise<void> {
    const { backoff, alarm, signal } = this.#deps;
    try {
      await entry.kept;
    } catch (error) {
      return await this.#refuse(entry, error);
    }
    for (let attempt = 0, troubles = 0; !signal.aborted && !entry.isDiscarded; attempt += 1) {
      entry.isSending = true;
      try {
        const stored = await this.#call(entry.message);
        await this.#remove(entry);
        entry.settle.resolve(stored);
        return this.#tell({ type: 'stored', message: entry.message, stored });
      } catch (error) {
        if (signal.aborted) return;
        const failure = failureOf(error);
        if (failure === 'trouble') troubles += 1;
        if (failure === 'final' || troubles >= MAX_TROUBLES) return await this.#refuse(entry, error);
        const nextDelayMs = backoff.delayMs(attempt, error);
        const reason = ConnectError.from(error);
        entry.isSending = false;
        this.#tell({ type: 'postponed', message: entry.message, error: reason, nextDelayMs });
        await alarm.pause(nextDelayMs, signal);
      }
    }
  }

  async #call({ roomId, content, senderMessageId, extras }: QueuedMessage): Promise<MessageData> {
    const { mentions, ...others } = extras;
    const request = {
      ...others,
      ...(mentions && { mentions: [...mentions] }),
      roomId,
      content,
      senderMessageId,
    };
    const { signal } = this.#deps;
    const { message, errorMessage } = await this.#deps.rpc.sendMessage(request, {
      signal,
      timeoutMs: CALL_TIMEOUT_MS,
    });
    if (message === undefined) throw new ConnectError(errorMessage ?? 'no message', Code.FailedPrecondition);
    return message;
  }

  async #refuse(entry: Entry, error: unknown): Promise<void> {
    await this.#remove(entry);
    entry.settle.reject(error);
    this.#tell({ type: 'refused', message: entry.message, error });
  }

  async #remove(entry: Entry): Promise<void> {
    const { senderMessageId } = entry.message;
    // A store that can't forget it has it sent again by the next client, to no effect: the service knows the id.
    await this.#deps.store?.remove(senderMessageId).catch(() => undefined);
    this.#entries.delete(senderMessageId);
    this.#bytes -= entry.bytes;
  }

  #close(): void {
    for (const { settle } of this.#entries.values()) settle.reject(new ClientClosedError());
    this.#entries.clear();
    this.#rooms.clear();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #tell(change: Distribute<QueueChange>): void {
    const told = { ...change, waiting: this.#entries.size };
    // Not from here: a listener that throws is the app's trouble, and no failed try.
    void Promise.resolve().then(() => this.#deps.changed(told));
    if (this.#entries.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

type Distribute<T> = T extends unknown ? Omit<T, 'waiting'> : never;

/** `Promise.withResolvers` by hand: React Native does not have it. */
function settleable<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}
