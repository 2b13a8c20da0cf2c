import type { Room } from '../gen/services/chat/v1/types_pb.ts';
import type { Logger } from '../logger.ts';
import { Gate, pause } from './gate.ts';
import type { StreamDirectory } from './ports.ts';
import { type StreamEvent, withRoom } from './stream-event.ts';

/** Limits of {@link Enrichment}. */
const CONCURRENCY = 8;
const TRIES = 3;
const RETRY_MS = 250;
const TIMEOUT_MS = 5_000;
/** Bytes counted for a room view. */
const ROOM_SIZE = 1_024;

/** An event on its way to one user that waits for the user's view of the room. */
export class PendingEvent {
  readonly source: StreamEvent;
  /** Undefined while it waits; null when the room is gone for the user and there is nothing to tell. */
  outcome: StreamEvent | null | undefined;
  #waiting: (() => void)[] = [];

  constructor(source: StreamEvent) {
    this.source = source;
  }

  get size(): number {
    return this.source.size + ROOM_SIZE;
  }

  /** Calls back once, when the outcome is known. */
  whenSettled(wake: () => void): void {
    this.#waiting.push(wake);
  }

  settle(outcome: StreamEvent | null): void {
    this.outcome = outcome;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/**
 * Adds to `room_join` and `is_room_updated` the recipient's full view of the room.
 *
 * Invariants:
 * - A view is loaded once per event and user, whatever the number of the user's streams.
 * - At most {@link CONCURRENCY} loads run at once, each at most {@link TIMEOUT_MS}.
 * - A view that can't be loaded in {@link TRIES} tries is left out; the event is never lost for that (D86).
 */
export class Enrichment {
  readonly #directory: Pick<StreamDirectory, 'roomView'>;
  readonly #logger: Logger;
  readonly #gate = new Gate(CONCURRENCY);
  readonly #loading = new Map<StreamEvent, Map<number, PendingEvent>>();
  readonly #stopping = new AbortController();

  constructor(directory: Pick<StreamDirectory, 'roomView'>, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** The event as the user gets it. */
  request(event: StreamEvent, userId: number): PendingEvent {
    const users = this.#loading.get(event) ?? new Map<number, PendingEvent>();
    this.#loading.set(event, users);
    const running = users.get(userId);
    if (running !== undefined) return running;
    const pending = new PendingEvent(event);
    users.set(userId, pending);
    void this.#load(event, userId).then((outcome) => {
      users.delete(userId);
      if (users.size === 0) this.#loading.delete(event);
      pending.settle(outcome);
    });
    return pending;
  }

  /** Waits for no retry any more. */
  stop(): void {
    this.#stopping.abort();
  }

  async #load(event: StreamEvent, userId: number): Promise<StreamEvent | null> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const room = await this.#gate.run(() => this.#view(userId, event.roomId));
        return room === undefined ? null : withRoom(event, room);
      } catch (error) {
        if (attempt === TRIES || this.#stopping.signal.aborted) {
          this.#logger.error(
            { err: error, userId, roomId: event.roomId },
            'forwarding an event without its room',
          );
          return event;
        }
        await pause(RETRY_MS * attempt, this.#stopping.signal);
      }
    }
  }

  async #view(userId: number, roomId: string): Promise<Room | undefined> {
    const late = new AbortController();
    const timeout = pause(TIMEOUT_MS, late.signal).then(() => {
      throw new Error(`no room view within ${TIMEOUT_MS} ms`);
    });
    // Also rejects, unheard, when the view comes in time.
    timeout.catch(() => undefined);
    try {
      return await Promise.race([this.#directory.roomView(userId, roomId), timeout]);
    } finally {
      late.abort();
    }
  }
}
