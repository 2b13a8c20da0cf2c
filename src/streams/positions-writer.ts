import type { Logger } from '../logger.ts';
import type { StreamPosition, StreamPositions } from './ports.ts';

/** How often positions that moved are stored. */
const INTERVAL_MS = 3_000;
/** Positions of one store call. */
const MAX_BATCH = 1_000;
/** Positions that wait for the store; beyond it the oldest are forgotten, so that their clients may hear something twice. */
const MAX_WAITING = 100_000;

interface Entry extends StreamPosition {
  readonly userId: number;
  readonly clientId: string;
}

/**
 * Remembers where each (user, client id) stopped being written.
 *
 * Invariants:
 * - A load sees the newest position of this process, also when its store is still under way or has failed.
 * - One store runs at a time; a position that moves again meanwhile is stored after it. So the newest wins.
 * - Bounded: one entry per (user, client id), at most {@link MAX_WAITING}.
 */
export class PositionsWriter {
  readonly #positions: StreamPositions;
  readonly #logger: Logger;
  readonly #waiting = new Map<string, Entry>();
  /** What the running store call holds. */
  #storing: ReadonlyMap<string, Entry> = new Map();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(positions: StreamPositions, logger: Logger) {
    this.#positions = positions;
    this.#logger = logger;
  }

  /** Begins to store what moves every few seconds. */
  start(): void {
    this.#timer ??= setInterval(() => void this.flush(), INTERVAL_MS).unref();
  }

  /** Stores what is left. Resolves when it is stored, or could not be. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.flush();
  }

  /** Where the client stopped. Rejects when the store can't be asked. */
  async load(userId: number, clientId: string): Promise<StreamPosition | undefined> {
    const key = keyOf(userId, clientId);
    return this.#waiting.get(key) ?? this.#storing.get(key) ?? (await this.#positions.load(userId, clientId));
  }

  /** The client was written up to `position`. Costs nothing but memory until the next store. */
  moved(userId: number, clientId: string, { epoch, sequence }: StreamPosition): void {
    const key = keyOf(userId, clientId);
    this.#waiting.set(key, { userId, clientId, epoch, sequence });
    if (this.#waiting.size <= MAX_WAITING) return;
    for (const oldest of this.#waiting.keys()) {
      this.#waiting.delete(oldest);
      break;
    }
  }

  /** Stores everything that moved. Never rejects: what fails is kept for the next time. */
  async flush(): Promise<void> {
    if (this.#running !== undefined) {
      await this.#running;
      // Somebody else who waited may have begun the next one: that holds what we came for.
      if (this.#running !== undefined) return await this.#running;
    }
    if (this.#waiting.size === 0) return;
    this.#running = this.#store();
    await this.#running;
  }

  async #store(): Promise<void> {
    this.#storing = new Map(this.#waiting);
    this.#waiting.clear();
    const entries = [...this.#storing.entries()];
    try {
      for (let start = 0; start < entries.length; start += MAX_BATCH) {
        const batch = entries.slice(start, start + MAX_BATCH);
        await this.#save(batch);
      }
    } finally {
      this.#storing = new Map();
      this.#running = undefined;
    }
  }

  async #save(batch: readonly (readonly [string, Entry])[]): Promise<void> {
    try {
      await this.#positions.save(batch.map(([, entry]) => entry));
    } catch (error) {
      this.#logger.warn({ err: error, positions: batch.length }, 'could not store where streams stopped');
      for (const [key, entry] of batch) {
        if (!this.#waiting.has(key) && this.#waiting.size < MAX_WAITING) this.#waiting.set(key, entry);
      }
    }
  }
}

function keyOf(userId: number, clientId: string): string {
  return `${userId} ${clientId}`;
}
