import { randomUUID } from 'node:crypto';
import {
  type BroadcastSubject,
  type Broker,
  type BrokerMessage,
  type BrokerState,
  HistoryLostError,
  type LiveHandler,
  type StoredMessage,
} from './broker.ts';
import { MAX_EVENT_AGE_MS, MAX_EVENTS_PER_SUBJECT } from './subjects.ts';

const DUPLICATE_WINDOW_MS = 120_000;
const BATCH = 256;

/** Limits and clock of a memory broker, for tests. */
export interface MemoryBrokerOptions {
  /** Messages held in all; the oldest go first. Default 200,000. */
  readonly maxMessages?: number;
  /** Milliseconds since the epoch. Default the system's clock. */
  readonly now?: () => number;
}

/** The broker of a single process: the promises and limits of the real one, and a history that ends with the process. */
export function createMemoryBroker(options: MemoryBrokerOptions = {}): Broker {
  return new MemoryBroker(options.maxMessages ?? 200_000, options.now ?? Date.now);
}

interface Kept extends StoredMessage {
  readonly storedAt: number;
}

/**
 * Invariants:
 * - `#history` holds what is kept in sequence order (a Map iterates in insertion order); `#subjects` holds the same messages by subject.
 * - A sequence is used once; `#last` never falls.
 * - Followers hear every stored message once and in order, never from within `publish`.
 */
class MemoryBroker implements Broker {
  readonly #epoch = randomUUID();
  readonly #history = new Map<number, Kept>();
  readonly #subjects = new Map<string, Kept[]>();
  /** Message id → when it was first published. */
  readonly #seen = new Map<string, number>();
  readonly #followers = new Set<LiveHandler>();
  readonly #waiting = new Set<() => void>();
  readonly #listeners = new Map<BroadcastSubject, Set<(data: Uint8Array) => void>>();
  readonly #maxMessages: number;
  readonly #now: () => number;
  #pending: StoredMessage[] = [];
  #last = 0;
  #stopped = false;

  constructor(maxMessages: number, now: () => number) {
    this.#maxMessages = maxMessages;
    this.#now = now;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#followers.clear();
    this.#listeners.clear();
    this.#wakeReaders();
  }

  async publish(messages: readonly BrokerMessage[]): Promise<number> {
    if (this.#stopped) return 0;
    const now = this.#now();
    this.#expire(now);
    for (const message of messages) {
      if (this.#seen.has(message.id)) continue;
      this.#seen.set(message.id, now);
      this.#store(message, now);
    }
    return messages.length;
  }

  async lastRoomEvent(subject: string): Promise<number | undefined> {
    this.#expire(this.#now());
    return this.#subjects.get(subject)?.at(-1)?.roomEvent;
  }

  async state(): Promise<BrokerState> {
    return this.#state();
  }

  async holdsAllAfter(after: number, subjects: readonly string[]): Promise<boolean> {
    if (after + 1 < this.#state().first) return false;
    for (const subject of subjects) {
      const held = this.#subjects.get(subject) ?? [];
      const oldest = held[0];
      if (oldest !== undefined && held.length >= MAX_EVENTS_PER_SUBJECT && oldest.sequence > after)
        return false;
    }
    return true;
  }

  async *read(
    options: { readonly after: number; readonly until?: number; readonly subjects: readonly string[] },
    signal: AbortSignal,
  ): AsyncIterable<readonly StoredMessage[]> {
    const { until, subjects } = options;
    let position = options.after;
    while (!signal.aborted) {
      if (this.#stopped || position > this.#last) throw new HistoryLostError();
      const end = Math.min(until ?? this.#last, this.#last);
      const found = this.#between(position, end, subjects);
      for (let start = 0; start < found.length && !signal.aborted; start += BATCH) {
        yield found.slice(start, start + BATCH);
      }
      position = Math.max(position, end);
      if (until !== undefined) return;
      await this.#beyond(position, signal);
    }
  }

  async follow(handler: LiveHandler): Promise<BrokerState> {
    // What is stored but not handed out yet belongs to the other followers only.
    this.#flush();
    this.#followers.add(handler);
    return this.#state();
  }

  broadcast(subject: BroadcastSubject, data: Uint8Array): void {
    queueMicrotask(() => {
      for (const listener of this.#listeners.get(subject) ?? []) listener(data);
    });
  }

  onBroadcast(subject: BroadcastSubject, handler: (data: Uint8Array) => void): () => void {
    const listeners = this.#listeners.get(subject) ?? new Set();
    this.#listeners.set(subject, listeners);
    listeners.add(handler);
    return () => listeners.delete(handler);
  }

  async health(): Promise<string | undefined> {
    return this.#stopped ? 'the broker is stopped' : undefined;
  }

  #state(): BrokerState {
    this.#expire(this.#now());
    const oldest = this.#history.keys().next();
    return { epoch: this.#epoch, first: oldest.done ? this.#last + 1 : oldest.value, last: this.#last };
  }

  #store(message: BrokerMessage, storedAt: number): void {
    const { subject, roomEvent, committedAt, traceContext, data } = message;
    this.#last += 1;
    const sequence = this.#last;
    const kept: Kept = { sequence, subject, roomEvent, committedAt, traceContext, data, storedAt };
    const sameSubject = this.#subjects.get(subject) ?? [];
    this.#subjects.set(subject, sameSubject);
    const oldest = sameSubject[0];
    if (sameSubject.length >= MAX_EVENTS_PER_SUBJECT && oldest !== undefined) this.#discard(oldest);
    sameSubject.push(kept);
    this.#history.set(kept.sequence, kept);
    if (this.#history.size > this.#maxMessages) this.#discardOldest();
    this.#pending.push(kept);
    if (this.#pending.length === 1) queueMicrotask(() => this.#flush());
  }

  #discard(kept: Kept): void {
    this.#history.delete(kept.sequence);
    const sameSubject = this.#subjects.get(kept.subject);
    // Always the oldest of its subject: both limits take the oldest first.
    sameSubject?.shift();
    if (sameSubject?.length === 0) this.#subjects.delete(kept.subject);
  }

  #discardOldest(): void {
    const oldest = this.#history.values().next().value;
    if (oldest !== undefined) this.#discard(oldest);
  }

  #expire(now: number): void {
    for (const kept of this.#history.values()) {
      if (kept.storedAt > now - MAX_EVENT_AGE_MS) break;
      this.#discard(kept);
    }
    for (const [id, at] of this.#seen) {
      if (at > now - DUPLICATE_WINDOW_MS) break;
      this.#seen.delete(id);
    }
  }

  #flush(): void {
    const batch = this.#pending;
    if (batch.length === 0) return;
    this.#pending = [];
    for (const follower of this.#followers) follower.messages(batch);
    this.#wakeReaders();
  }

  #wakeReaders(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Messages of the subjects with after < sequence ≤ end, in order. */
  #between(after: number, end: number, subjects: readonly string[]): Kept[] {
    const found: Kept[] = [];
    for (const subject of new Set(subjects)) {
      const held = this.#subjects.get(subject) ?? [];
      for (let index = held.length - 1; index >= 0; index -= 1) {
        const kept = held[index];
        if (kept === undefined || kept.sequence <= after) break;
        if (kept.sequence <= end) found.push(kept);
      }
    }
    return found.sort((a, b) => a.sequence - b.sequence);
  }

  /** Resolves when something was stored after `position`, or at the end of the reader or of the broker. */
  async #beyond(position: number, signal: AbortSignal): Promise<void> {
    while (this.#last <= position && !signal.aborted && !this.#stopped) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
      await promise;
      signal.removeEventListener('abort', wake);
      this.#waiting.delete(wake);
    }
  }
}
