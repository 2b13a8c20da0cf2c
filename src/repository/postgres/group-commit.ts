import { setTimeout } from 'node:timers/promises';
import { ChatError } from '../../chat/errors.ts';

/*
 * Invariants:
 * - One group is in flight. What comes meanwhile waits and forms the next one, in order of arrival.
 * - Idle, a group starts on the next turn of the event loop, so that callers of one turn share it.
 * - Two items with the same key are never in one group; the later one waits for the next.
 * - An item is answered exactly once: with its own result or its own error.
 * - Nothing is repeated whose outcome is unknown (a lost connection): only what the server says it rolled back.
 */

const MAX_CONFLICT_RETRIES = 3;

/** What a group writes and how it is bounded. */
export interface GroupCommitOptions<T, R> {
  /** Writes a group in one transaction and answers each item, in order. Rejects when nothing was written, or nobody knows. */
  readonly write: (items: readonly T[]) => Promise<readonly R[]>;
  /** Items with the same key must not meet in a group; undefined: meets anybody. */
  readonly key?: (item: T) => string | undefined;
  /** Most items of a group; 256 when left out. */
  readonly maxGroup?: number;
  /** Most items that wait; the next is refused as `overloaded`; 10,000 when left out. */
  readonly maxWaiting?: number;
}

/** Collects concurrent writes into groups that share one transaction. */
export class GroupCommit<T, R> {
  readonly #write: (items: readonly T[]) => Promise<readonly R[]>;
  readonly #key: (item: T) => string | undefined;
  readonly #maxGroup: number;
  readonly #maxWaiting: number;
  #waiting: Waiting<T, R>[] = [];
  #busy = false;

  constructor(options: GroupCommitOptions<T, R>) {
    this.#write = options.write;
    this.#key = options.key ?? (() => undefined);
    this.#maxGroup = options.maxGroup ?? 256;
    this.#maxWaiting = options.maxWaiting ?? 10_000;
  }

  /** Resolves when the item is committed. A bad item fails alone. */
  async add(item: T): Promise<R> {
    if (this.#waiting.length >= this.#maxWaiting) throw new ChatError('overloaded');
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.#waiting.push({ item, key: this.#key(item), resolve, reject });
    if (!this.#busy) {
      this.#busy = true;
      setImmediate(() => void this.#drain());
    }
    return await promise;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commit(this.#nextGroup());
    this.#busy = false;
  }

  #nextGroup(): readonly Waiting<T, R>[] {
    const group: Waiting<T, R>[] = [];
    const later: Waiting<T, R>[] = [];
    const keys = new Set<string>();
    for (const [index, one] of this.#waiting.entries()) {
      if (group.length === this.#maxGroup) {
        later.push(...this.#waiting.slice(index));
        break;
      }
      if (one.key !== undefined && keys.has(one.key)) {
        later.push(one);
        continue;
      }
      if (one.key !== undefined) keys.add(one.key);
      group.push(one);
    }
    this.#waiting = later;
    return group;
  }

  async #commit(group: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.#writeRetrying(group.map(({ item }) => item));
      for (const [index, one] of group.entries()) {
        if (index < results.length) one.resolve(results[index] as R);
        else one.reject(new Error('a group was answered with too few results'));
      }
    } catch (error) {
      if (group.length === 1 || !blamesData(error)) {
        for (const { reject } of group) reject(error);
        return;
      }
      // One of them is bad, and the server does not say which: halving finds it without giving up grouping.
      const middle = group.length >> 1;
      await this.#commit(group.slice(0, middle));
      await this.#commit(group.slice(middle));
    }
  }

  /** Deadlocks and serialization failures are nobody's fault and were rolled back: again, after a random moment. */
  async #writeRetrying(items: readonly T[]): Promise<readonly R[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#write(items);
      } catch (error) {
        if (attempt > MAX_CONFLICT_RETRIES || !isConflict(error)) throw error;
        await setTimeout(Math.random() * 20 * attempt);
      }
    }
  }
}

function isConflict(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlState(error));
}

/** SQLSTATE classes 22 (bad value) and 23 (constraint). */
function blamesData(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error));
}

function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

interface Waiting<T, R> {
  readonly item: T;
  readonly key: string | undefined;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}
