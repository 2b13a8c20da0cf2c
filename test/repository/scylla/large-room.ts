import { randomUUID } from 'node:crypto';
import type { Db } from '../../../src/repository/postgres/db.ts';
import { toMutations } from '../../../src/repository/scylla/mutations.ts';
import type { ScyllaSession } from '../../../src/repository/scylla/session.ts';

/** Messages of three parts of the tables. */
const SIZE = 20_030;
const CLOCK = 1_800_000_000_000_000;

/** The id of a message of the room. */
export const messageId = (sequence: number): string =>
  `00000000-0000-1000-8000-${String(sequence).padStart(12, '0')}`;

/** A room with three members, one of whom has left. */
export interface LargeRoom {
  readonly roomId: string;
  readonly users: number[];
  readonly size: number;
  /** Messages beside which a part begins or ends, deleted ones among them. */
  readonly boundaries: readonly number[];
  readonly times: string[];
}

/** Writes it to PostgreSQL: a message each second; some deleted, some edited later, nobody has read all. */
export async function writeLargeRoom(db: Db): Promise<LargeRoom> {
  const roomId = randomUUID();
  const users = [901, 902, 903];
  const deleted = [1, 9_999, 10_000, 10_002, 15_000, 20_000, 20_001, 20_027, 20_028, 20_030];
  const edited = [2, 10_001, 19_999];
  await db.query(`INSERT INTO "user" (id, name) SELECT u, 'User ' || u FROM unnest($1::int[]) AS u`, [users]);
  await db.query(
    `INSERT INTO room (id, name, type, last_sequence, last_event, "lastMessageAt", created_at, updated_at)
      VALUES ($1, 'Large', 'group', $2::int, $2::int, to_timestamp($2::int - 1), to_timestamp(0), to_timestamp(0))`,
    [roomId, SIZE],
  );
  await db.query(
    `INSERT INTO room_member (room_id, user_id, role, join_sequence, read_sequence, removed_at, created_at, updated_at)
      SELECT $1::uuid, u, 'MEMBER', 0, 0, CASE WHEN u = 903 THEN now() END, to_timestamp(0), to_timestamp(0)
      FROM unnest($2::int[]) AS u`,
    [roomId, users],
  );
  await db.query(
    `INSERT INTO room_message (id, room_id, sequence, sender_id, content, sender_message_id, replied_message_id, created_at, updated_at)
      SELECT ('00000000-0000-1000-8000-' || lpad(s::text, 12, '0'))::uuid, $1::uuid, s, 901 + s % 2, 'text ' || s, 'key ' || s,
        CASE WHEN s % 10000 = 2 THEN ('00000000-0000-1000-8000-' || lpad((s - 1)::text, 12, '0'))::uuid END,
        to_timestamp(s), to_timestamp(s)
      FROM generate_series(1, $2::int) AS s`,
    [roomId, SIZE],
  );
  await db.query(
    `UPDATE room_message SET deleted_at = to_timestamp(30000 + sequence), updated_at = to_timestamp(30000 + sequence), "isDeleted" = true
      WHERE room_id = $1 AND sequence = ANY ($2::int[])`,
    [roomId, deleted],
  );
  await db.query(
    `UPDATE room_message SET edited = true, updated_at = to_timestamp(60000 - sequence) WHERE room_id = $1 AND sequence = ANY ($2::int[])`,
    [roomId, edited],
  );
  await db.query('UPDATE room_member SET read_sequence = 9990 WHERE room_id = $1 AND user_id = 902', [
    roomId,
  ]);
  await db.query(
    `INSERT INTO room_read_position (room_id, user_id, sequence, read_at) VALUES ($1, 902, 5000, to_timestamp(1)), ($1, 902, 9990, to_timestamp(2))`,
    [roomId],
  );
  await db.query(
    `UPDATE room SET reader1_id = 902, reader1_sequence = 9990, touched_at = to_timestamp(60000) WHERE id = $1`,
    [roomId],
  );
  const times = [5, 9_999, 20_025, 30_100, 50_030].map((second) => new Date(second * 1000).toISOString());
  return { roomId, users, size: SIZE, boundaries: [...deleted, ...edited, 9_990, 9_991, SIZE - 1], times };
}

/** What is left of writes of which only a part arrived: a reaction to, and a mention in, messages that are not there; a room without a row. */
export async function leaveGhosts(session: ScyllaSession, roomId: string, size: number): Promise<void> {
  const at = new Date().toISOString();
  const message = { message_id: randomUUID(), room_id: roomId };
  const reaction = { user_id: 901, reaction: 'a', created_at: at, updated_at: at, deleted_at: null };
  await session.write([
    ...toMutations({
      table: 'room_message_reaction',
      row: { ...message, ...reaction, sequence: size + 1 },
      clock: CLOCK,
    }),
    ...toMutations({
      table: 'room_message_tag',
      row: { ...message, user_id: 901, tag: 'a', sequence: size + 2 },
      clock: CLOCK,
    }),
    {
      partition: 'details',
      query: 'INSERT INTO {ks}.room_details (room_id, last_bucket) VALUES (?, ?)',
      params: [roomId, 4],
    },
  ]);
}
