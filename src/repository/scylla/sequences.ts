import { MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import type { StoredMessage } from './message-places.ts';
import type { ScyllaSession } from './session.ts';
import { bucketOf, deletedBucketOf, type RoomDetailsRow } from './tables.ts';

/*
 * Sequences of a room have no gaps. So all that is asked about how many and which messages there are is answered by the newest
 * one and by the deleted ones: what is not deleted is never counted, and never read to be skipped.
 */

const DELETED_PER_PAGE = 500;

const NEWEST = `SELECT sequence, message_id, sender_id, content, type, event, created_at, updated_at, deleted_at
  FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = ?`;
const DELETED = `SELECT sequence, sender_id FROM {ks}.deleted_messages_by_room
  WHERE room_id = ? AND bucket = ? AND sequence > ? AND sequence < ?`;
const COUNT_DELETED = `SELECT count(*) AS count FROM {ks}.deleted_messages_by_room
  WHERE room_id = ? AND bucket = ? AND sequence > ? AND sequence < ?`;
const COUNT_SENT = `SELECT count(*) AS count FROM {ks}.messages_by_sender
  WHERE room_id = ? AND bucket = ? AND sender_id = ? AND sequence > ? AND sequence < ?`;

/** The sequences between two others, both exclusive. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** What a room shows of its last message. */
export type Preview = Pick<
  StoredMessage,
  | 'sequence'
  | 'message_id'
  | 'sender_id'
  | 'content'
  | 'type'
  | 'event'
  | 'created_at'
  | 'updated_at'
  | 'deleted_at'
>;

/**
 * The newest message, deleted or not; undefined in a room without any.
 * Most rooms have one bucket, so that one is read before the room's details say where the newest message is.
 */
export async function readNewest(
  session: ScyllaSession,
  roomId: string,
  details: Promise<RoomDetailsRow | undefined>,
): Promise<Preview | undefined> {
  const [first, room] = await Promise.all([newestOf(session, roomId, 0), details]);
  // A bucket may be announced before its first message is there.
  for (let bucket = room?.last_bucket ?? 0; bucket > 0; bucket -= 1) {
    const row = await newestOf(session, roomId, bucket);
    if (row !== undefined) return row;
  }
  return first;
}

/** The sequence of the newest message, deleted or not; 0 in a room without any. */
export async function readLastSequence(
  session: ScyllaSession,
  roomId: string,
  details: Promise<RoomDetailsRow | undefined>,
): Promise<number> {
  return (await readNewest(session, roomId, details))?.sequence ?? 0;
}

/** One row nearly always; page by page, because above it there may be rows that a failed write left without a message. */
async function newestOf(
  session: ScyllaSession,
  roomId: string,
  bucket: number,
): Promise<Preview | undefined> {
  for await (const [row] of session.pages<Preview>(NEWEST, [roomId, bucket], 1)) {
    if (row !== undefined && row.message_id !== null) return row;
  }
  return undefined;
}

/** How many messages of the interval are deleted. */
export async function countDeleted(
  session: ScyllaSession,
  roomId: string,
  interval: Interval,
): Promise<number> {
  const { lower, upper } = interval;
  const buckets = bucketsDown(interval, deletedBucketOf);
  const counts = await mapInParallel(
    buckets,
    MAX_PARALLEL_READS,
    async (bucket) =>
      await session.read<{ readonly count: number }>(COUNT_DELETED, [roomId, bucket, lower, upper]),
  );
  return sum(counts.map(([row]) => row?.count ?? 0));
}

/** How many messages of the interval are unread for a member who has read none of it: those by others that are not deleted. */
export async function countUnread(
  session: ScyllaSession,
  roomId: string,
  userId: number,
  interval: Interval,
): Promise<number> {
  const { lower, upper } = interval;
  if (upper - lower <= 1) return 0;
  const [own, deleted] = await Promise.all([
    mapInParallel(
      bucketsDown(interval, bucketOf),
      MAX_PARALLEL_READS,
      async (bucket) =>
        await session.read<{ readonly count: number }>(COUNT_SENT, [roomId, bucket, userId, lower, upper]),
    ),
    countDeletedByOthers(session, roomId, userId, interval),
  ]);
  return Math.max(0, upper - lower - 1 - sum(own.map(([row]) => row?.count ?? 0)) - deleted);
}

async function countDeletedByOthers(
  session: ScyllaSession,
  roomId: string,
  userId: number,
  interval: Interval,
): Promise<number> {
  let count = 0;
  for await (const rows of deletedDown(session, roomId, interval)) {
    for (const row of rows) if (row.sender_id !== userId) count += 1;
  }
  return count;
}

/** Of the sequences in the interval that are not deleted, newest first: at most `limit`, without the first `offset`. */
export async function undeletedSequences(
  session: ScyllaSession,
  roomId: string,
  interval: Interval,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<number[]> {
  const found: number[] = [];
  if (limit < 1 || offset >= interval.upper - interval.lower - 1) return found;
  let upper = interval.upper;
  let toSkip = offset;
  // Takes what is between two deleted ones.
  const takeDownTo = (lower: number): void => {
    const skipped = Math.min(toSkip, Math.max(0, upper - lower - 1));
    toSkip -= skipped;
    const first = upper - 1 - skipped;
    for (let sequence = first; sequence > lower && found.length < limit; sequence -= 1) found.push(sequence);
    upper = lower;
  };
  for await (const rows of deletedDown(session, roomId, interval)) {
    for (const row of rows) {
      takeDownTo(row.sequence);
      if (found.length === limit) return found;
    }
  }
  takeDownTo(interval.lower);
  return found;
}

/** The deleted messages of the interval, newest first. */
async function* deletedDown(
  session: ScyllaSession,
  roomId: string,
  interval: Interval,
): AsyncGenerator<{ readonly sequence: number; readonly sender_id: number }[]> {
  for (const bucket of bucketsDown(interval, deletedBucketOf)) {
    yield* session.pages(DELETED, [roomId, bucket, interval.lower, interval.upper], DELETED_PER_PAGE);
  }
}

/** The buckets that hold the interval, newest first. */
export function bucketsDown({ lower, upper }: Interval, bucketOfOne: (sequence: number) => number): number[] {
  if (upper - lower <= 1) return [];
  const newest = bucketOfOne(upper - 1);
  return Array.from({ length: newest - bucketOfOne(lower + 1) + 1 }, (_, index) => newest - index);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
