import type { UserProfile } from '../../chat/types.ts';
import type { Sql } from '../postgres/db.ts';
import type { Change, ChangeRow } from './changes.ts';

/*
 * The PostgreSQL side of rooms in Scylla: what is decided here under a room's lock is committed together with what it announces,
 * and is brought to Scylla afterwards. `scylla_change` holds it until then.
 */

/** A change that is committed and may not be in Scylla yet. */
export interface LoggedChange {
  readonly id: number;
  readonly roomId: string;
  readonly change: Change;
}

/** The row of a room that decides, locked by the running transaction. */
export interface RoomHead {
  readonly id: string;
  readonly last_sequence: number;
  readonly last_event: number;
  readonly p2p_low: number | null;
  readonly p2p_high: number | null;
  readonly reader1_id: number | null;
  readonly reader1_sequence: number;
  readonly reader2_id: number | null;
  readonly reader2_sequence: number;
}

/** Changes that Scylla may lack, by room, oldest first. */
export type Pending = ReadonlyMap<
  string,
  readonly { readonly id: number; readonly table: ChangeRow['table'] }[]
>;

/** What a transaction wants to lock, and to know. */
export interface LockRequest {
  readonly rooms: readonly string[];
  /** Client-side ids by sender. */
  readonly keys?: readonly { readonly sender: number; readonly key: string }[];
  /** Users whose profiles are wanted. */
  readonly users: readonly number[];
  readonly phones?: readonly string[];
}

/** What PostgreSQL knows about locked rooms. */
export interface Locked {
  /** Time and write timestamp of what the transaction changes. */
  readonly at: Date;
  readonly clock: number;
  /** Undeleted ones. */
  readonly rooms: ReadonlyMap<string, RoomHead>;
  /** Changes that Scylla may lack, by room, oldest first. */
  readonly pending: Pending;
  /** Messages among those, by `sender key`. */
  readonly sent: ReadonlyMap<string, { readonly messageId: string; readonly roomId: string }>;
  readonly profiles: ReadonlyMap<number, UserProfile>;
  /** Users by phone. */
  readonly contacts: ReadonlyMap<string, number>;
}

/** Locks keys and rooms until the transaction ends. */
export async function lockRooms(tx: Sql, request: LockRequest): Promise<Locked> {
  const { rooms, keys = [], users, phones = [] } = request;
  const { rows } = await tx.query<{ locked: LockedJson }>(
    '/* lock_rooms */ SELECT chat_lock($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[]) AS locked',
    [rooms, keys.map(({ sender }) => sender), keys.map(({ key }) => key), users, phones],
  );
  const locked = rows[0]?.locked;
  if (locked === undefined) throw new Error('the rooms were not locked');
  const pending = Map.groupBy(locked.pending ?? [], ([, roomId]) => roomId);
  return {
    at: new Date(locked.at),
    clock: locked.clock,
    rooms: new Map((locked.rooms ?? []).map((room) => [room.id, room])),
    pending: new Map(
      [...pending].map(([roomId, entries]) => [roomId, entries.map(([id, , table]) => ({ id, table }))]),
    ),
    sent: new Map(
      (locked.sent ?? []).map(([sender, key, messageId, roomId]) => [
        sentKey(sender, key),
        { messageId, roomId },
      ]),
    ),
    profiles: new Map(
      (locked.profiles ?? []).map(([id, name, phone, avatar]) => [
        id,
        { id, name: name ?? '', phone: phone ?? '', avatar: avatar ?? '' },
      ]),
    ),
    contacts: new Map(locked.contacts ?? []),
  };
}

/** The key of {@link Locked.sent}. */
export function sentKey(sender: number, key: string): string {
  return `${sender} ${key}`;
}

/** Notes changes of a room; their ids follow the order given. The transaction holds the room's lock, or has just made it. */
export async function logChanges(
  tx: Sql,
  clock: number,
  changes: readonly { readonly roomId: string; readonly row: ChangeRow }[],
): Promise<LoggedChange[]> {
  if (changes.length === 0) return [];
  const messages = changes.map(({ row }) =>
    row.table === 'room_message' && row.old === undefined ? row.row : undefined,
  );
  const { rows } = await tx.query<{ id: number }>(
    `/* log_changes */ INSERT INTO scylla_change (room_id, clock, change, message_id, sender_id, sender_message_id)
      SELECT room_id, $1::bigint, change::json, message_id, sender_id, sender_message_id
      FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::int[], $6::text[]) WITH ORDINALITY
        AS c (room_id, change, message_id, sender_id, sender_message_id, n) ORDER BY n
      RETURNING id`,
    [
      clock,
      changes.map(({ roomId }) => roomId),
      changes.map(({ row }) => JSON.stringify(row)),
      messages.map((message) => message?.id ?? null),
      messages.map((message) => message?.sender_id ?? null),
      messages.map((message) => message?.sender_message_id ?? null),
    ],
  );
  return changes.map(({ roomId, row }, index) => {
    const id = rows[index]?.id;
    if (id === undefined) throw new Error('a change was not noted');
    return { id, roomId, change: { ...row, clock } };
  });
}

/** Those of the changes that are still noted, oldest first. */
export async function readChanges(sql: Sql, ids: readonly number[]): Promise<LoggedChange[]> {
  return await select(sql, '/* read_changes */ ', 'WHERE id = ANY ($1::bigint[]) ORDER BY id', [ids]);
}

/** The oldest changes that are at least so old, oldest first. */
export async function oldestChanges(sql: Sql, limit: number, minAgeMs: number): Promise<LoggedChange[]> {
  const where = `WHERE created_at <= now() - $2 * interval '1 millisecond' ORDER BY id LIMIT $1::bigint`;
  return await select(sql, '/* oldest_changes */ ', where, [limit, minAgeMs]);
}

/** The changes of a room that Scylla may lack, oldest first. */
export async function changesOfRoom(sql: Sql, roomId: string): Promise<LoggedChange[]> {
  return await select(sql, '/* changes_of_room */ ', 'WHERE room_id = $1::uuid ORDER BY id', [roomId]);
}

/**
 * Forgets changes that Scylla has. Does not wait for the disk: one that comes back after a crash of the database is applied again.
 */
export async function forgetChanges(sql: Sql, ids: readonly number[]): Promise<void> {
  await sql.query(
    `/* forget_changes */ WITH commit AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
      DELETE FROM scylla_change USING commit WHERE id = ANY ($1::bigint[])`,
    [ids],
  );
}

/** How far Scylla is behind. */
export interface Lag {
  readonly changes: number;
  readonly oldestAgeMs: number;
}

/** Counts the changes that Scylla may lack. */
export async function readLag(sql: Sql): Promise<Lag> {
  const { rows } = await sql.query<{ changes: number; age: number }>(
    `SELECT count(*)::int AS changes,
      coalesce(greatest(0, extract(epoch FROM now() - min(created_at)) * 1000), 0)::float8 AS age FROM scylla_change`,
    [],
  );
  return { changes: rows[0]?.changes ?? 0, oldestAgeMs: Math.round(rows[0]?.age ?? 0) };
}

async function select(
  sql: Sql,
  name: string,
  where: string,
  params: readonly unknown[],
): Promise<LoggedChange[]> {
  const { rows } = await sql.query<{ id: number; room_id: string; clock: number; change: ChangeRow }>(
    `${name}SELECT id, room_id, clock, change FROM scylla_change ${where}`,
    params,
  );
  return rows.map(({ id, room_id, clock, change }) => ({
    id,
    roomId: room_id,
    change: { ...change, clock },
  }));
}

/** What chat_lock answers; an empty list is null. */
interface LockedJson {
  readonly at: string;
  readonly clock: number;
  readonly rooms: readonly RoomHead[] | null;
  readonly pending: readonly (readonly [number, string, ChangeRow['table']])[] | null;
  readonly sent: readonly (readonly [number, string, string, string])[] | null;
  readonly profiles: readonly (readonly [number, string | null, string | null, string | null])[] | null;
  readonly contacts: readonly (readonly [string, number])[] | null;
}
