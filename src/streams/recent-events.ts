import type { StreamEvent } from './stream-event.ts';

/** Limits of {@link RecentEvents}. */
const DEFAULT_EVENTS = 4_096;
const MAX_BYTES = 4 * 1024 * 1024;
/** Dropped places at the front that are worth a copy of the rest. */
const SLACK = 1_024;

/**
 * The newest events of the live feed, so that a client that was away for a moment costs the broker nothing.
 *
 * Invariants:
 * - Every event of the history with a sequence above `#after` is here, up to the feed's position, in order, without repeats.
 * - Bounded in events and in bytes; the oldest go first and raise `#after`.
 */
export class RecentEvents {
  readonly #maxEvents: number;
  #events: StreamEvent[] = [];
  /** Index of the oldest event in `#events`. */
  #first = 0;
  #bytes = 0;
  #after = 0;

  constructor(maxEvents = DEFAULT_EVENTS) {
    this.#maxEvents = maxEvents;
  }

  add(event: StreamEvent): void {
    this.#events.push(event);
    this.#bytes += event.size;
    while (this.#events.length - this.#first > this.#maxEvents || this.#bytes > MAX_BYTES) this.#dropOldest();
    if (this.#first < SLACK) return;
    this.#events = this.#events.slice(this.#first);
    this.#first = 0;
  }

  /** Starts anew: only what comes after sequence `after` can be proved to be complete. */
  clear(after: number): void {
    this.#events = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#after = after;
  }

  /** Every event above `after`; undefined when they are not all here. */
  since(after: number): readonly StreamEvent[] | undefined {
    if (after < this.#after) return undefined;
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.sequence ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low);
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#first];
    if (oldest === undefined) return;
    this.#first += 1;
    this.#bytes -= oldest.size;
    this.#after = oldest.sequence;
  }
}
