import { AsyncLocalStorage } from 'node:async_hooks';
import type { Db, Sql } from '../postgres/db.ts';
import { changesOfRoom, forgetChanges, type LoggedChange, type Pending, readChanges } from './change-log.ts';
import { storeUnavailable } from './guard.ts';
import { toMutations } from './mutations.ts';
import type { ScyllaSession } from './session.ts';

/*
 * Invariants:
 * - The changes of a room are written in the order of their ids: what this process writes waits for what it is writing already, and
 *   fails with it; whoever locks a room also writes what others left behind. So nobody sees a message before its predecessors.
 * - A change is forgotten only after Scylla has acknowledged all its writes. One that fails stays noted: the next one who
 *   locks the room, or the sweep, writes it again.
 * - Only ids of changes on their way, or being forgotten, are kept in memory.
 */

/** Brings noted changes to Scylla. */
export interface Applier {
  /** Writes committed changes; resolves when Scylla has all of them and what waits for them may be published. Rejects with `store_unavailable` when it may not: they stay noted. */
  apply(changes: readonly LoggedChange[]): Promise<void>;
  /** For the holder of rooms' locks: resolves when Scylla has everything that was committed before. */
  catchUp(tx: Sql, pending: Pending): Promise<void>;
  /** For the holder of rooms' locks: those of the pending changes that nobody in this process is writing; to be applied before later ones. */
  leftBehind(tx: Sql, pending: Pending): Promise<LoggedChange[]>;
  /** For a reader: resolves when Scylla has everything that is noted for the room now. */
  catchUpRoom(sql: Sql, roomId: string): Promise<void>;
}

/** An applier over an open session. `onApplied` is told after changes were forgotten: what waits for them may be published. */
export function createApplier(deps: {
  readonly db: Db;
  readonly session: ScyllaSession;
  readonly onApplied: () => void;
}): Applier {
  return new OrderedApplier(deps);
}

class OrderedApplier implements Applier {
  readonly #db: Db;
  readonly #session: ScyllaSession;
  readonly #onApplied: () => void;
  /** Of each room, how what is being written ends: true when Scylla has it. Never rejects. */
  readonly #tails = new Map<string, Promise<boolean>>();
  /** Being written, or written and not forgotten yet. */
  readonly #known = new Set<number>();
  /** Forgetting is often asked for inside a transaction, and must not be part of it. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #forgettable: number[] = [];
  #forgetting: Promise<void> = Promise.resolve();
  #nextForgetting: Promise<void> | undefined;

  constructor(deps: { readonly db: Db; readonly session: ScyllaSession; readonly onApplied: () => void }) {
    this.#db = deps.db;
    this.#session = deps.session;
    this.#onApplied = deps.onApplied;
  }

  async apply(changes: readonly LoggedChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.#write(changes);
    await this.#forget(changes.map(({ id }) => id));
  }

  async #write(changes: readonly LoggedChange[]): Promise<void> {
    const ids = changes.map(({ id }) => id);
    for (const id of ids) this.#known.add(id);
    const rooms = [...new Set(changes.map(({ roomId }) => roomId))];
    const before = Promise.all(rooms.map(async (roomId) => (await this.#tails.get(roomId)) ?? true));
    const writing = before.then(async (done) => {
      if (done.includes(false))
        throw storeUnavailable(new Error('an earlier change of the room could not be written'));
      await this.#session.write(changes.flatMap(({ change }) => toMutations(change)));
    });
    const tail = writing.then(
      () => true,
      () => false,
    );
    for (const roomId of rooms) this.#tails.set(roomId, tail);
    try {
      await writing;
    } catch (error) {
      for (const id of ids) this.#known.delete(id);
      throw error;
    } finally {
      for (const roomId of rooms) if (this.#tails.get(roomId) === tail) this.#tails.delete(roomId);
    }
  }

  async catchUp(tx: Sql, pending: Pending): Promise<void> {
    await Promise.all([...pending.keys()].map((roomId) => this.#tails.get(roomId)));
    const left = await this.leftBehind(tx, pending);
    if (left.length === 0) return;
    await this.#write(left);
    // Not waited for: it may need the connection that the transaction has.
    void this.#forget(left.map(({ id }) => id));
  }

  async leftBehind(tx: Sql, pending: Pending): Promise<LoggedChange[]> {
    const ids = [...pending.values()].flat().flatMap(({ id }) => (this.#known.has(id) ? [] : [id]));
    return ids.length === 0 ? [] : await readChanges(tx, ids);
  }

  async catchUpRoom(sql: Sql, roomId: string): Promise<void> {
    const changes = await changesOfRoom(sql, roomId);
    await this.#tails.get(roomId);
    await this.apply(changes.filter(({ id }) => !this.#known.has(id)));
  }

  /** One statement at a time; those who come meanwhile share the next. Never rejects. */
  async #forget(ids: readonly number[]): Promise<void> {
    this.#forgettable.push(...ids);
    this.#nextForgetting ??= this.#forgetting.then(async () => {
      this.#nextForgetting = undefined;
      const batch = this.#forgettable.splice(0);
      this.#forgetting = this.#outside(async () => await this.#forgetBatch(batch));
      await this.#forgetting;
    });
    await this.#nextForgetting;
  }

  async #forgetBatch(ids: readonly number[]): Promise<void> {
    // A failure leaves them to the sweep, which writes them once more.
    await forgetChanges(this.#db, ids).catch(() => undefined);
    for (const id of ids) this.#known.delete(id);
    this.#onApplied();
  }
}
