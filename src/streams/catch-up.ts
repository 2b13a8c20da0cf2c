import type { Gate } from './gate.ts';
import { HistoryReader, type HistorySource } from './history.ts';
import type { StreamDirectory, StreamPosition } from './ports.ts';
import type { Session } from './session.ts';
import { type ResyncReason, resyncAt, type StreamEvent } from './stream-event.ts';

/** Where a stream begins: after a sequence, at the feed's position, or there with the news that something may be missing. */
export type Start = { readonly after?: number } | { readonly resync: ResyncReason };

/** What catching up stands on; shared by all streams. */
export interface CatchUpDeps {
  readonly directory: StreamDirectory;
  readonly history: HistorySource;
  /** Bounds how many memberships are loaded at once. */
  readonly gate: Gate;
  /** Where the feed stands. */
  readonly position: () => StreamPosition;
  readonly bufferEvents: number;
  readonly bufferBytes: number;
  /** A stream that came back was given so many events. */
  readonly replayed: (events: number) => void;
  /** A stream was told to resynchronise. */
  readonly resynced: (reason: ResyncReason) => void;
}

/** A place in no history: who comes back to it has to resynchronise. */
const NOWHERE: StreamPosition = { epoch: 'none', sequence: 0 };

/**
 * Brings one stream from where it begins to the live feed, without a gap and without a repeat.
 *
 * Invariants:
 * - The memberships are loaded after `#loadedAt` was taken and before the stream enters its rooms at `#enteredAt`. What happened to them
 *   between the two is in the history between the two, and that is always replayed.
 * - Up to `#enteredAt` the replay decides about joins; after it the hub has done so already.
 * - A leg replays up to where the feed stood when the leg began; live events after that point wait in `#buffer`.
 *   When they outgrow it, they are dropped and another leg replays them: memory is bounded, and each leg makes progress.
 * - A chunk is read when the client has taken the one before.
 * - After `cancel` it touches the stream no more.
 */
export class CatchUp {
  readonly #session: Session;
  readonly #deps: CatchUpDeps;
  #reader: HistoryReader;
  readonly #cancel = new AbortController();
  #loadedAt = 0;
  #enteredAt = 0;
  #isEntered = false;
  #buffer: StreamEvent[] = [];
  #bufferBytes = 0;
  #isBehind = false;
  #handedOver = 0;

  constructor(session: Session, deps: CatchUpDeps) {
    this.#session = session;
    this.#deps = deps;
    this.#reader = new HistoryReader(deps.history);
  }

  /** Resolves when the stream is live, or this was cancelled. Rejects when memberships or history can't be read. */
  async run(begin: () => Promise<Start>): Promise<void> {
    const openedAt = this.#deps.position().sequence;
    const start = await begin();
    if (this.#isCancelled) return;
    const loadedAt = this.#deps.position();
    this.#loadedAt = loadedAt.sequence;
    const { userId } = this.#session;
    const memberships = await this.#deps.gate.run(() => this.#deps.directory.memberships(userId));
    if (this.#isCancelled) return;
    this.#session.enterRooms(memberships);
    this.#enteredAt = this.#deps.position().sequence;
    this.#isEntered = true;
    const after = 'resync' in start ? this.#loadedAt : (start.after ?? openedAt);
    this.#session.replayedUpTo(after);
    // Remembered at once: who takes over from this stream must find what it owed its client.
    this.#session.beginsAt('resync' in start ? NOWHERE : { epoch: loadedAt.epoch, sequence: after });
    if ('resync' in start) {
      this.#deps.resynced(start.resync);
      this.#session.push(resyncAt(loadedAt, start.resync));
    }
    await this.#replayAll(after);
    if ('after' in start && !this.#isCancelled) this.#deps.replayed(this.#handedOver);
  }

  /** Whether the hub decides about the stream's rooms already. */
  get isEntered(): boolean {
    return this.#isEntered;
  }

  cancel(): void {
    this.#cancel.abort();
  }

  /** A live event that the stream may see: it has to wait. */
  live(event: StreamEvent): void {
    if (this.#isBehind) return;
    this.#buffer.push(event);
    this.#bufferBytes += event.size;
    const { bufferEvents, bufferBytes } = this.#deps;
    if (this.#buffer.length <= bufferEvents && this.#bufferBytes <= bufferBytes) return;
    this.#buffer = [];
    this.#isBehind = true;
  }

  get #isCancelled(): boolean {
    return this.#cancel.signal.aborted;
  }

  async #replayAll(after: number): Promise<void> {
    let position = after;
    do {
      this.#buffer = [];
      this.#bufferBytes = 0;
      this.#isBehind = false;
      const reached = await this.#replay(position, this.#deps.position().sequence);
      if (reached === undefined) return;
      position = reached;
      // Half of what may wait is left for what comes next.
      if (this.#session.out.undelivered + this.#buffer.length > this.#deps.bufferEvents / 2) {
        await this.#session.out.drained();
      }
      if (this.#isCancelled) return;
    } while (this.#isBehind);
    this.#session.goLive(position, this.#buffer);
  }

  /** Replays up to `until`; undefined when there is no going on. */
  async #replay(after: number, until: number): Promise<number | undefined> {
    let position = after;
    while (position < until) {
      await this.#session.out.drained();
      if (this.#isCancelled) return undefined;
      const { epoch } = this.#deps.position();
      const { userId, rooms } = this.#session;
      const chunk = await this.#reader.chunk(
        { epoch, after: position, until, userId, rooms },
        this.#cancel.signal,
      );
      if (this.#isCancelled) return undefined;
      if (typeof chunk === 'string') {
        this.#session.restart(chunk);
        return undefined;
      }
      const entered = this.#handOver(chunk.events);
      if (entered !== undefined) this.#readAgain();
      position = entered ?? chunk.reached;
      this.#session.replayedUpTo(position);
      this.#session.flush();
    }
    return position;
  }

  /** Events of a room that was just entered were not read, and live ones did not wait: what follows its join is read anew. */
  #readAgain(): void {
    this.#reader = new HistoryReader(this.#deps.history);
    this.#buffer = [];
    this.#isBehind = true;
  }

  /** Sequence of the join by which the stream entered a room, if one did; what follows it was not handed over. */
  #handOver(events: readonly StreamEvent[]): number | undefined {
    for (const event of events) {
      this.#handedOver += 1;
      const decides =
        event.sequence > this.#loadedAt && (this.#session.readsItself || event.sequence <= this.#enteredAt);
      if (this.#session.replayed(event, decides) === 'entered') return event.sequence;
    }
    return undefined;
  }
}
