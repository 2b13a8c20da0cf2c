import type { Db } from '../../postgres/db.ts';
import type { ScyllaSession } from '../session.ts';
import { advanceClock, noteMigrated, readStoreState } from '../store-state.ts';
import {
  beginRun,
  finishRoom,
  type MigrationProgress,
  type RoomToDo,
  readProgress,
  roomsToDo,
} from './migration-checkpoints.ts';
import {
  type Amounts,
  countRoom,
  eachRoom,
  isUnlimited,
  type Period,
  type RoomSize,
  requireRoom,
} from './migration-source.ts';
import { createPatientWriter, reasonOf, StoreOutage } from './patient-writer.ts';
import { type MigratedRoom, migrateRoom, type RoomMigration } from './room-migration.ts';

/*
 * Copies everything from PostgreSQL to Scylla while the service runs.
 *
 * Invariants:
 * - A room's rows carry a clock that was taken under its lock: what changes later wins, also when it was written before.
 * - It may be ended at any time and started again: it goes on (see migration-checkpoints.ts). One at a time runs.
 * - Ids, sequences and times are kept. A room, or a message, that Scylla refuses is told of and left out.
 * - Memory: two pages of messages for each worker, whatever the size of a room.
 */

/** What to migrate, and how. */
export interface MigrationOptions extends Period {
  /** Rows that are read at once. */
  readonly batchSize: number;
  /** Rooms at a time. */
  readonly workers: number;
  /** Only this one. */
  readonly roomId: string | undefined;
  /** How long Scylla may be away, milliseconds. Default 60 s. */
  readonly outageMs?: number;
}

/** Who is told how it goes on. */
export interface MigrationObserver {
  progress(progress: MigrationProgress): void;
  /** A room or a message is left out; its id is in the text. */
  skipped(text: string): void;
  /** Scylla is waited for. */
  waiting(): void;
}

/** How a migration ended. */
export interface MigrationResult {
  readonly isResumed: boolean;
  readonly migrated: MigrationProgress;
  readonly skippedRooms: number;
  readonly skippedMessages: number;
  /**
   * `complete`: Scylla has everything, and is told of every change. `changes-unknown`: it has everything that did not change since the
   * beginning. `partial`: only what was asked for. `incomplete`: something was left out.
   */
  readonly outcome: 'complete' | 'changes-unknown' | 'partial' | 'incomplete';
}

const MIGRATION_LOCK = 7_242_802_103;
const LOCK_ATTEMPTS = 10;
const LOCK_PAUSE_MS = 500;
const OUTAGE_MS = 60_000;

/** Migrates. Rejects with a StoreOutage when a store is away for too long: then it can be started again. */
export async function migrateToScylla(
  deps: { readonly db: Db; readonly session: ScyllaSession },
  options: MigrationOptions,
  observer: MigrationObserver,
): Promise<MigrationResult> {
  const { db } = deps;
  if ((await readStoreState(db)).leader === 'scylla') {
    throw new Error('rooms and messages are in Scylla alone: PostgreSQL has nothing to migrate');
  }
  await requireRoom(db, options.roomId);
  const lease = await takeLock(db);
  try {
    await advanceClock(db);
    return await new Migration(deps, options, observer, lease.lost).run();
  } finally {
    await lease.release();
  }
}

/** Counts what would be migrated by a run that starts anew. */
export async function countForMigration(
  db: Db,
  options: Pick<MigrationOptions, 'roomId' | keyof Period>,
): Promise<Amounts & { readonly rooms: number }> {
  await requireRoom(db, options.roomId);
  const total = { rooms: 0, members: 0, messages: 0, reactions: 0, positions: 0 };
  for await (const room of eachRoom(db, options.roomId)) {
    const { members, messages, reactions, positions } = await countRoom(db, room, options);
    total.rooms += 1;
    total.members += members;
    total.messages += messages;
    total.reactions += reactions;
    total.positions += positions;
  }
  return total;
}

/** The server may need a moment to notice that a process is gone that was killed. */
async function takeLock(db: Db): Promise<NonNullable<Awaited<ReturnType<Db['tryLock']>>>> {
  for (let attempt = 1; ; attempt += 1) {
    const lease = await db.tryLock(MIGRATION_LOCK);
    if (lease !== undefined) return lease;
    if (attempt === LOCK_ATTEMPTS) throw new Error('another migration to Scylla is running');
    await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
  }
}

class Migration {
  readonly #db: Db;
  readonly #options: MigrationOptions;
  readonly #observer: MigrationObserver;
  readonly #halt = new AbortController();
  readonly #room: RoomMigration;
  readonly #total = { rooms: 0, roomsDone: 0, messages: 0, messagesDone: 0 };
  #skippedRooms = 0;
  #skippedMessages = 0;

  constructor(
    { db, session }: { readonly db: Db; readonly session: ScyllaSession },
    options: MigrationOptions,
    observer: MigrationObserver,
    lost: AbortSignal,
  ) {
    this.#db = db;
    this.#options = options;
    this.#observer = observer;
    const signal = AbortSignal.any([this.#halt.signal, lost]);
    lost.addEventListener('abort', () =>
      this.#stop(new StoreOutage('the connection to PostgreSQL was lost')),
    );
    const { outageMs = OUTAGE_MS, batchSize, since, until } = options;
    const writer = createPatientWriter(session, { outageMs, signal, onWait: () => observer.waiting() });
    this.#room = {
      db,
      writer,
      batchSize,
      period: { since, until },
      isNoted: this.#isNoted,
      signal,
      onMessages: (count) => {
        this.#total.messagesDone += count;
        observer.progress(this.#total);
      },
      onSkipped: (messageId, error) =>
        observer.skipped(`message ${messageId} was skipped: ${reasonOf(error)}`),
    };
  }

  /** All rooms with all their messages: then it can go on, and be complete. */
  get #isNoted(): boolean {
    return this.#options.roomId === undefined && isUnlimited(this.#options);
  }

  async run(): Promise<MigrationResult> {
    if (!this.#isNoted) {
      for await (const room of eachRoom(this.#db, this.#options.roomId)) this.#add(await this.#sizeOf(room));
      await this.#work(this.#otherRooms());
      return this.#result(false, this.#skippedSomething ? 'incomplete' : 'partial');
    }
    const { begunAt, isResumed } = await beginRun(this.#db);
    Object.assign(this.#total, await readProgress(this.#db));
    await this.#work(roomsToDo(this.#db));
    if (this.#skippedSomething) return this.#result(isResumed, 'incomplete');
    const isKnown = begunAt !== undefined && (await noteMigrated(this.#db, begunAt));
    return this.#result(isResumed, isKnown ? 'complete' : 'changes-unknown');
  }

  async #sizeOf(room: RoomSize): Promise<number> {
    if (isUnlimited(this.#options)) return room.lastSequence;
    return (await countRoom(this.#db, room, this.#options)).messages;
  }

  #add(messages: number): void {
    this.#total.rooms += 1;
    this.#total.messages += messages;
  }

  async *#otherRooms(): AsyncGenerator<RoomToDo> {
    for await (const { id } of eachRoom(this.#db, this.#options.roomId)) {
      yield { id, clock: undefined, sequence: 0, skipped: 0 };
    }
  }

  /** Each worker takes the next room. */
  async #work(rooms: AsyncGenerator<RoomToDo>): Promise<void> {
    const worker = async (): Promise<void> => {
      for (;;) {
        if (this.#halt.signal.aborted) return;
        const { done, value } = await rooms.next();
        if (done === true) return;
        await this.#migrate(value);
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: this.#options.workers }, worker));
    this.#halt.signal.throwIfAborted();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #migrate(room: RoomToDo): Promise<void> {
    try {
      const { skipped }: MigratedRoom = await migrateRoom(this.#room, room);
      this.#skippedMessages += skipped;
      if (this.#isNoted) await finishRoom(this.#db, room.id, skipped === 0);
      if (skipped === 0) this.#total.roomsDone += 1;
      this.#observer.progress(this.#total);
    } catch (error) {
      if (this.#halt.signal.aborted) return;
      if (error instanceof StoreOutage) return this.#stop(error);
      const away = await this.#db.query('SELECT 1', []).then(
        () => undefined,
        (cause: unknown) => new StoreOutage('PostgreSQL did not answer', { cause }),
      );
      if (away !== undefined) return this.#stop(away);
      this.#skippedRooms += 1;
      this.#observer.skipped(`room ${room.id} was skipped: ${reasonOf(error)}`);
    }
  }

  #stop(reason: StoreOutage): void {
    this.#halt.abort(reason);
  }

  get #skippedSomething(): boolean {
    return this.#skippedRooms > 0 || this.#skippedMessages > 0;
  }

  #result(isResumed: boolean, outcome: MigrationResult['outcome']): MigrationResult {
    return {
      isResumed,
      migrated: { ...this.#total },
      skippedRooms: this.#skippedRooms,
      skippedMessages: this.#skippedMessages,
      outcome,
    };
  }
}
