import type { Db } from '../../postgres/db.ts';
import { chunksOf, mapInParallel } from '../in-parallel.ts';
import { bucketOf } from '../tables.ts';
import { type RoomToDo, saveSequence, takeClock } from './migration-checkpoints.ts';
import {
  BEFORE_USERS,
  eachMemberPage,
  eachMessagePage,
  eachPositionPage,
  isUnlimited,
  type MessageRecord,
  type Period,
  readRoom,
} from './migration-source.ts';
import { type PatientWriter, StoreOutage } from './patient-writer.ts';
import {
  dropMemberLists,
  dropMessageLists,
  dropMessages,
  putMessages,
  replaceMembers,
  replacePositions,
  replaceRoom,
} from './replacements.ts';

/** What the migration of rooms shares. */
export interface RoomMigration {
  readonly db: Db;
  readonly writer: PatientWriter;
  readonly batchSize: number;
  readonly period: Period;
  /** Whether it is noted how far a room is. */
  readonly isNoted: boolean;
  readonly signal: AbortSignal;
  /** So many more messages were gone through. */
  onMessages(count: number): void;
  /** Scylla refuses the message. */
  onSkipped(messageId: string, error: unknown): void;
}

/** What became of a room. */
export interface MigratedRoom {
  /** Messages that Scylla refused, in all runs that worked on it. */
  readonly skipped: number;
}

/** Messages in one call: several calls at once keep Scylla busy with one room. */
const MESSAGES_PER_WRITE = 250;
const WRITES_AT_ONCE = 4;

/** Copies a room, or what is left of it. Rejects when Scylla refuses more than messages. */
export async function migrateRoom(shared: RoomMigration, room: RoomToDo): Promise<MigratedRoom> {
  const { db, writer, period, isNoted } = shared;
  // One that has not come to its messages begins again: two states of a room must not have the same clock.
  if (room.clock !== undefined && room.sequence > 0) {
    const head = await readRoom(db, room.id);
    // Deleted for good.
    if (head === undefined) return { skipped: 0 };
    return await new MessageMigration(shared, room.id, room.clock).run(room, head.lastSequence, period);
  }
  const head = await takeClock(db, room.id, isNoted);
  if (head === undefined) return { skipped: 0 };
  const { clock, lastSequence } = head;
  await writer.write(replaceRoom(head));
  await migrateMembers(shared, room.id, clock);
  await migratePositions(shared, room.id, clock);
  const beginning = { sequence: 0, skipped: 0 };
  return await new MessageMigration(shared, room.id, clock).run(beginning, lastSequence, period);
}

async function migrateMembers(shared: RoomMigration, roomId: string, clock: number): Promise<void> {
  const { db, writer, batchSize } = shared;
  let lists = dropMemberLists(roomId, clock);
  let after = BEFORE_USERS;
  let isLast = false;
  for await (const page of ahead(eachMemberPage(db, roomId, batchSize))) {
    isLast = page.length < batchSize;
    const last = isLast ? undefined : page.at(-1)?.user_id;
    await writer.write([...lists, ...replaceMembers(roomId, page, { after, last, clock })]);
    lists = [];
    after = last ?? after;
  }
  if (!isLast)
    await writer.write([...lists, ...replaceMembers(roomId, [], { after, last: undefined, clock })]);
}

async function migratePositions(shared: RoomMigration, roomId: string, clock: number): Promise<void> {
  const { db, writer, batchSize } = shared;
  let before: number | undefined;
  for await (const page of ahead(eachPositionPage(db, roomId, batchSize))) {
    await writer.write(replacePositions(page, { before, clock }));
    before = page.at(-1)?.user_id;
  }
}

/** Messages in a row: those after `after` and up to `last`. */
interface Slice {
  readonly after: number;
  readonly last: number;
  readonly records: readonly MessageRecord[];
}

class MessageMigration {
  readonly #shared: RoomMigration;
  readonly #roomId: string;
  readonly #clock: number;
  /** The buckets up to this one have lost the lists of what was there before. */
  #bucket = -1;
  #skipped = 0;

  constructor(shared: RoomMigration, roomId: string, clock: number) {
    this.#shared = shared;
    this.#roomId = roomId;
    this.#clock = clock;
  }

  async run(
    progress: { readonly sequence: number; readonly skipped: number },
    last: number,
    period: Period,
  ): Promise<MigratedRoom> {
    const { db, batchSize, isNoted, onMessages } = this.#shared;
    this.#skipped = progress.skipped;
    let after = progress.sequence;
    const where = { roomId: this.#roomId, after, last, ...period };
    for await (const page of ahead(eachMessagePage(db, where, batchSize))) {
      const end = page.at(-1)?.message.sequence ?? after;
      await this.#write(after, page);
      after = end;
      if (isNoted) await saveSequence(db, this.#roomId, after, this.#skipped);
      onMessages(page.length);
    }
    if (this.#replaces) await this.#dropRest(after);
    return { skipped: this.#skipped };
  }

  /** With limits of time what is there is added to: what lies between may have been migrated before. */
  get #replaces(): boolean {
    return isUnlimited(this.#shared.period);
  }

  async #write(after: number, page: readonly MessageRecord[]): Promise<void> {
    if (this.#replaces) await this.#dropLists(bucketOf(page.at(-1)?.message.sequence ?? 1), after);
    let start = after;
    const slices = chunksOf(page, MESSAGES_PER_WRITE).map((records): Slice => {
      const slice = { after: start, last: records.at(-1)?.message.sequence ?? start, records };
      start = slice.last;
      return slice;
    });
    await mapInParallel(slices, WRITES_AT_ONCE, async (slice) => await this.#writeSlice(slice));
  }

  /** Writes messages; halves them until those are found that Scylla refuses. */
  async #writeSlice(slice: Slice): Promise<void> {
    const { writer, onSkipped, signal } = this.#shared;
    const { after, last, records } = slice;
    try {
      const drops = this.#replaces ? dropMessages(this.#roomId, { after, last, clock: this.#clock }) : [];
      await writer.write([...drops, ...putMessages(records, this.#clock)]);
    } catch (error) {
      if (signal.aborted || error instanceof StoreOutage) throw error;
      const middle = Math.floor(records.length / 2);
      const border = records[middle - 1]?.message.sequence;
      if (border === undefined) {
        this.#skipped += 1;
        onSkipped(records[0]?.message.id ?? '', error);
        return;
      }
      await this.#writeSlice({ after, last: border, records: records.slice(0, middle) });
      await this.#writeSlice({ after: border, last, records: records.slice(middle) });
    }
  }

  async #dropLists(until: number, after: number): Promise<void> {
    // Also a bucket that was begun in another run: what was written there since has the larger clock.
    for (let bucket = Math.max(this.#bucket + 1, bucketOf(after + 1)); bucket <= until; bucket += 1) {
      await this.#shared.writer.write(dropMessageLists(this.#roomId, bucket, this.#clock));
      this.#bucket = bucket;
    }
  }

  async #dropRest(after: number): Promise<void> {
    const { writer } = this.#shared;
    await this.#dropLists(bucketOf(after + 1), after);
    await writer.write(dropMessages(this.#roomId, { after, last: undefined, clock: this.#clock }));
  }
}

/** The same items; the next one is fetched while one is worked on. */
async function* ahead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = items.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = items.next();
      // Told when it is asked for.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await next.catch(() => undefined);
    await items.return(undefined);
  }
}
