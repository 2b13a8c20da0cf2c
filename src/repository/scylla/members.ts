import { chunksOf, MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import type { ScyllaSession } from './session.ts';
import { isActive, type ParticipantRow, type RoomDetailsRow } from './tables.ts';

/** Keys of one statement; ScyllaDB refuses more than 100 unless it is told otherwise. */
const KEYS = 100;
const IDS_PER_PAGE = 5_000;

const COLUMNS = `room_id, user_id, role, is_pinned, is_muted, is_partner_blocked, read_sequence, join_sequence, join_event,
  joined_at, updated_at, removed_at, deleted_at`;
const MEMBER = `SELECT ${COLUMNS} FROM {ks}.participants_by_room WHERE room_id = ? AND user_id = ?`;
const MEMBERS = `SELECT ${COLUMNS} FROM {ks}.participants_by_room WHERE room_id = ? AND user_id IN ?`;
const ROOMS_OF_USER = `SELECT ${COLUMNS} FROM {ks}.rooms_by_user WHERE user_id = ?`;
const READERS = 'SELECT user_id, read_sequence FROM {ks}.participants_by_room WHERE room_id = ?';
const JOINERS = 'SELECT user_id FROM {ks}.participants_by_join WHERE room_id = ?';
const DETAILS = `SELECT room_id, name, description, image, type, encryption_data, join_all_user, send_message, add_member,
    edit_group, p2p_low, p2p_high, reader1_id, reader1_sequence, reader2_id, reader2_sequence, last_bucket, created_at,
    updated_at, deleted_at
  FROM {ks}.room_details WHERE room_id = ?`;

/** A user's membership, active or not. */
export async function readMember(
  session: ScyllaSession,
  roomId: string,
  userId: number,
): Promise<ParticipantRow | undefined> {
  return (await session.read<ParticipantRow>(MEMBER, [roomId, userId]))[0];
}

/** Memberships of those of the users who have one, active or not, by user. */
export async function readMembers(
  session: ScyllaSession,
  roomId: string,
  userIds: readonly number[],
): Promise<Map<number, ParticipantRow>> {
  const found = await mapInParallel(
    chunksOf([...new Set(userIds)], KEYS),
    MAX_PARALLEL_READS,
    async (ids) => await session.read<ParticipantRow>(MEMBERS, [roomId, ids]),
  );
  return new Map(found.flat().map((row) => [row.user_id, row]));
}

/** All memberships of a user, active or not. */
export async function readRoomsOfUser(session: ScyllaSession, userId: number): Promise<ParticipantRow[]> {
  return await session.read<ParticipantRow>(ROOMS_OF_USER, [userId]);
}

/** Members, active or not, who have read up to the sequence or further. */
export async function readReaders(
  session: ScyllaSession,
  roomId: string,
  sequence: number,
): Promise<number[]> {
  const readers: number[] = [];
  const pages = session.pages<Pick<ParticipantRow, 'user_id' | 'read_sequence'>>(
    READERS,
    [roomId],
    IDS_PER_PAGE,
  );
  for await (const rows of pages) {
    for (const row of rows) if ((row.read_sequence ?? 0) >= sequence) readers.push(row.user_id);
  }
  return readers;
}

/** The active members, most recent joiner first, `size` at a time. */
export async function* joinersOf(
  session: ScyllaSession,
  roomId: string,
  size = IDS_PER_PAGE,
): AsyncGenerator<number[]> {
  for await (const rows of session.pages<{ readonly user_id: number }>(JOINERS, [roomId], size)) {
    yield rows.map((row) => row.user_id);
  }
}

/** The active members, however many. */
export async function readActiveIds(session: ScyllaSession, roomId: string): Promise<number[]> {
  const ids = new Set<number>();
  for await (const page of joinersOf(session, roomId)) for (const id of page) ids.add(id);
  return [...ids];
}

/** The room, deleted or not. A row that only says where the newest message is, is none. */
export async function readDetails(
  session: ScyllaSession,
  roomId: string,
): Promise<RoomDetailsRow | undefined> {
  const [row] = await session.read<RoomDetailsRow>(DETAILS, [roomId]);
  return row === undefined || row.type === null ? undefined : row;
}

/** The room and the user's membership when he sees the room. */
export async function readVisible(
  session: ScyllaSession,
  userId: number,
  roomId: string,
): Promise<{ readonly me: ParticipantRow; readonly details: RoomDetailsRow } | undefined> {
  const [me, details] = await Promise.all([
    readMember(session, roomId, userId),
    readDetails(session, roomId),
  ]);
  return me !== undefined && details !== undefined && isVisible(me, details) ? { me, details } : undefined;
}

/** Whether the membership lets its user see the room. */
export function isVisible(me: ParticipantRow, details: RoomDetailsRow): boolean {
  return isActive(me) && details.deleted_at === null;
}
