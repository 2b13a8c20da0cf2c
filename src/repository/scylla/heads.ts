import type { Sql } from '../postgres/db.ts';

/** What Postgres keeps of a room for the order of lists and for what has changed. */
export interface RoomHead {
  readonly id: string;
  readonly type: string;
  readonly lastMessageAt: Date | null;
  /** When a message of the room was last edited, reacted to or deleted. */
  readonly touched_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly deleted_at: Date | null;
  readonly p2p_low: number | null;
  readonly p2p_high: number | null;
}

const HEADS = `/* room_heads */ SELECT id, type, "lastMessageAt", touched_at, created_at, updated_at, deleted_at, p2p_low, p2p_high
  FROM room WHERE id = ANY ($1::uuid[])`;

/** Heads of the rooms, deleted ones included, in one statement, by id. */
export async function readHeads(sql: Sql, roomIds: readonly string[]): Promise<Map<string, RoomHead>> {
  if (roomIds.length === 0) return new Map();
  const { rows } = await sql.query<RoomHead>(HEADS, [roomIds]);
  return new Map(rows.map((row) => [row.id, row]));
}

/** When the room was last active: without messages its creation counts. */
export function activeAt(head: RoomHead): number {
  return (head.lastMessageAt ?? head.created_at).getTime();
}

/** The latest of the times that there are; undefined when there is none. */
export function latest(...times: readonly (Date | null)[]): number | undefined {
  const known = times.flatMap((time) => time?.getTime() ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** Compares texts by their bytes, as Postgres does with ids. */
export function compareIds(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
