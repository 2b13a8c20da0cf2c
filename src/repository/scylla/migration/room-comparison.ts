import type { Sql } from '../../postgres/db.ts';
import type { MemberImage } from '../changes.ts';
import { mapInParallel } from '../in-parallel.ts';
import type { ScyllaSession } from '../session.ts';
import { bucketOf, isActive, type ParticipantRow, type RoomDetailsRow } from '../tables.ts';
import { type ColumnPair, differences, sameTexts } from './comparison.ts';
import { BEFORE_USERS, eachMemberPage, readRoom } from './migration-source.ts';

const ROOM_COLUMNS: readonly ColumnPair[] = [
  ['name', 'name'],
  ['description', 'description'],
  ['image', 'image'],
  ['type', 'type'],
  ['encryption_data', 'encription_data'],
  ['join_all_user', 'join_all_user'],
  ['send_message', 'send_message'],
  ['add_member', 'add_member'],
  ['edit_group', 'edit_group'],
  ['p2p_low', 'p2p_low'],
  ['p2p_high', 'p2p_high'],
  ['reader1_id', 'reader1_id'],
  ['reader1_sequence', 'reader1_sequence'],
  ['reader2_id', 'reader2_id'],
  ['reader2_sequence', 'reader2_sequence'],
  ['created_at', 'created_at', 'time'],
  ['updated_at', 'updated_at', 'time'],
  ['deleted_at', 'deleted_at', 'time'],
];

const MEMBER_COLUMNS: readonly ColumnPair[] = [
  ['role', 'role'],
  ['is_pinned', 'is_pinned'],
  ['is_muted', 'is_muted'],
  ['is_partner_blocked', 'is_partner_blocked'],
  ['read_sequence', 'read_sequence'],
  ['join_sequence', 'join_sequence'],
  ['join_event', 'join_event'],
  ['joined_at', 'created_at', 'time'],
  ['updated_at', 'updated_at', 'time'],
  ['removed_at', 'removed_at', 'time'],
  ['deleted_at', 'deleted_at', 'time'],
];

const MEMBERS_PER_PAGE = 1_000;
const MEMBERS_AT_ONCE = 32;
const NOT_THERE = 'not in PostgreSQL';

/** Where to compare. */
interface Stores {
  readonly sql: Sql;
  readonly session: ScyllaSession;
}

/** Compares a room and everything about its members; a text for each that differs, naming fields and tables. */
export async function compareRoom(stores: Stores, roomId: string): Promise<string[]> {
  const { sql, session } = stores;
  const room = await readRoom(sql, roomId);
  if (room === undefined) return [];
  const [row] = await session.read<RoomDetailsRow>('SELECT * FROM {ks}.room_details WHERE room_id = ?', [
    roomId,
  ]);
  // A row that has only its bucket was left by messages.
  if (row === undefined || row.type === null) return [`room mismatch for ID ${roomId}: missing`];
  const fields = differences(ROOM_COLUMNS, room.image, row);
  const bucket = room.lastSequence === 0 ? 0 : bucketOf(room.lastSequence);
  if ((row.last_bucket ?? 0) !== bucket) fields.push('last_bucket');
  const found = fields.length === 0 ? [] : [`room mismatch for ID ${roomId}: ${fields.join(', ')}`];
  return [...found, ...(await compareMembers(stores, roomId))];
}

async function compareMembers(stores: Stores, roomId: string): Promise<string[]> {
  const { sql, session } = stores;
  const joins = await readLists(session, 'participants_by_join', 'user_id, joined_at', roomId);
  const staff = await readLists(session, 'staff_by_room', 'user_id, role, joined_at', roomId);
  const found: string[] = [];
  const tell = (userId: number, fields: readonly string[]): void => {
    if (fields.length > 0)
      found.push(`participant mismatch for room ${roomId} user ${userId}: ${fields.join(', ')}`);
  };
  let after = BEFORE_USERS;
  for await (const page of eachMemberPage(sql, roomId, MEMBERS_PER_PAGE)) {
    const last = page.at(-1)?.user_id ?? after;
    const rows = await readParticipants(session, roomId, after, last);
    after = last;
    const positions = await readPositions(
      sql,
      roomId,
      page.map(({ user_id }) => user_id),
    );
    const fields = await mapInParallel(page, MEMBERS_AT_ONCE, async (member) => [
      ...differentMember(member, rows.get(member.user_id)),
      ...(await differentRoomOfUser(session, member)),
      ...differentLists(member, joins, staff),
      ...(await differentPositions(session, member, positions.get(member.user_id) ?? [])),
    ]);
    for (const [index, names] of fields.entries()) tell(page[index]?.user_id ?? 0, names);
    for (const { user_id } of page) for (const known of [rows, joins, staff]) known.delete(user_id);
    for (const userId of rows.keys()) tell(userId, [NOT_THERE]);
  }
  for (const userId of (await readParticipants(session, roomId, after, undefined)).keys())
    tell(userId, [NOT_THERE]);
  for (const userId of joins.keys()) tell(userId, ['participants_by_join']);
  for (const userId of staff.keys()) tell(userId, ['staff_by_room']);
  return found;
}

function differentMember(member: MemberImage, row: ParticipantRow | undefined): string[] {
  return row === undefined ? ['missing'] : differences(MEMBER_COLUMNS, member, row);
}

async function differentRoomOfUser(session: ScyllaSession, member: MemberImage): Promise<string[]> {
  const [row] = await session.read<ParticipantRow>(
    'SELECT * FROM {ks}.rooms_by_user WHERE user_id = ? AND room_id = ?',
    [member.user_id, member.room_id],
  );
  if (row === undefined) return ['rooms_by_user'];
  return differences(MEMBER_COLUMNS, member, row).map((name) => `rooms_by_user.${name}`);
}

/** Rows of a list by user, each as a text. */
type ListRows = Map<number, string[]>;

function differentLists(member: MemberImage, joins: ListRows, staff: ListRows): string[] {
  const joined = Date.parse(member.created_at);
  const expectedJoins = isActive(member) ? [JSON.stringify([joined])] : [];
  const isStaff = isActive(member) && member.role !== 'MEMBER';
  const expectedStaff = isStaff ? [JSON.stringify([member.role, joined])] : [];
  return [
    ...(sameTexts(expectedJoins, joins.get(member.user_id) ?? []) ? [] : ['participants_by_join']),
    ...(sameTexts(expectedStaff, staff.get(member.user_id) ?? []) ? [] : ['staff_by_room']),
  ];
}

async function readLists(
  session: ScyllaSession,
  table: string,
  columns: string,
  roomId: string,
): Promise<ListRows> {
  const lists: ListRows = new Map();
  const query = `SELECT ${columns} FROM {ks}.${table} WHERE room_id = ?`;
  for await (const rows of session.pages<{ user_id: number; role?: string; joined_at: Date | null }>(query, [
    roomId,
  ])) {
    for (const { user_id, role, joined_at } of rows) {
      const text = JSON.stringify([...(role === undefined ? [] : [role]), joined_at?.getTime()]);
      lists.set(user_id, [...(lists.get(user_id) ?? []), text]);
    }
  }
  return lists;
}

/** Participants after one user and up to another. */
async function readParticipants(
  session: ScyllaSession,
  roomId: string,
  after: number,
  last: number | undefined,
): Promise<Map<number, ParticipantRow>> {
  const rows = await session.read<ParticipantRow>(
    `SELECT * FROM {ks}.participants_by_room WHERE room_id = ? AND user_id > ?${last === undefined ? '' : ' AND user_id <= ?'}`,
    last === undefined ? [roomId, after] : [roomId, after, last],
  );
  return new Map(rows.map((row) => [row.user_id, row]));
}

/** Read positions by user, each as a text. */
async function readPositions(
  sql: Sql,
  roomId: string,
  userIds: readonly number[],
): Promise<Map<number, string[]>> {
  const { rows } = await sql.query<{ user_id: number; sequence: number; read_at: Date }>(
    `SELECT user_id, sequence, read_at FROM room_read_position WHERE room_id = $1::uuid AND user_id = ANY ($2::int[])`,
    [roomId, userIds],
  );
  const byUser = Map.groupBy(rows, ({ user_id }) => user_id);
  return new Map([...byUser].map(([user, positions]) => [user, positions.map(positionText)]));
}

async function differentPositions(
  session: ScyllaSession,
  { room_id, user_id }: MemberImage,
  expected: readonly string[],
): Promise<string[]> {
  const rows = await session.read<{ sequence: number; read_at: Date | null }>(
    'SELECT sequence, read_at FROM {ks}.read_positions_by_member WHERE room_id = ? AND user_id = ?',
    [room_id, user_id],
  );
  return sameTexts(expected, rows.map(positionText)) ? [] : ['read_positions_by_member'];
}

function positionText(row: { readonly sequence: number; readonly read_at: Date | null }): string {
  return JSON.stringify([row.sequence, row.read_at?.getTime()]);
}
