import type { Role } from '../../chat/types.ts';
import type { Room, RoomParticipant } from '../../gen/services/chat/v1/types_pb.ts';
import { pageWindow, UNPAGED } from '../paging.ts';
import { createReadBatch } from '../read-batch.ts';
import { type FullRoomRow, toFullRoom, toParticipant } from '../room-data.ts';
import type { Membership, Page, RoomListQuery, RoomsRepository } from '../rooms-repository.ts';
import type { Db } from './db.ts';
import { epochSeconds, type PageRow, pageStatement, toPage } from './page.ts';
import { fullRoomColumns, loadLightRooms, loadRoom, PARTNER_ID, ROOM_JOINS, VISIBLE } from './room-rows.ts';
import { guarded } from './store-errors.ts';

/** The part of the {@link RoomsRepository} that reads rooms and members. */
export type RoomReads = Pick<
  RoomsRepository,
  | 'getRoom'
  | 'getRoomList'
  | 'getDeletedRoomIds'
  | 'getMemberships'
  | 'getRoomParticipants'
  | 'getActiveMembers'
>;

/** Reads rooms from Postgres. Light views that are asked for at the same time share a statement. */
export function createRoomReads(db: Db): RoomReads {
  const lightRoom = createReadBatch(
    async (questions: readonly { readonly userId: number; readonly roomId: string }[]) =>
      await loadLightRooms(db, questions),
  );
  return {
    getRoom: (userId, roomId, view) =>
      guarded(async () =>
        view === 'light' ? await lightRoom({ userId, roomId }) : await loadRoom(db, userId, roomId, view),
      ),
    getRoomList: (userId, query) => guarded(() => getRoomList(db, userId, query)),
    getDeletedRoomIds: (userId, since) => guarded(() => getDeletedRoomIds(db, userId, since)),
    getMemberships: (userId) => guarded(() => getMemberships(db, userId)),
    getRoomParticipants: (roomId, query) => guarded(() => getRoomParticipants(db, roomId, query)),
    getActiveMembers: (roomId, userIds) => guarded(() => getActiveMembers(db, roomId, userIds)),
  };
}

/** The order of a room list, for the candidates or for the columns of the same names. */
const LIST_ORDER = 'is_pinned DESC, active_at DESC, created_at DESC, id';

async function getRoomList(db: Db, userId: number, query: RoomListQuery): Promise<Page<Room>> {
  const { limit, offset } = pageWindow(query, UNPAGED);
  const params: unknown[] = [userId, limit, offset];
  const filters = listFilters(query, params);
  const name = params.length === 3 ? '/* list_rooms */ ' : '';
  const { rows } = await db.query<PageRow & FullRoomRow>(`${name}${listStatement(filters)}`, params);
  return toPage(rows, toFullRoom);
}

/** Candidates first, with no more than order and filters need; everything else for the rooms of the page only. */
function listStatement(filters: string): string {
  const page = `SELECT true AS found, v.active_at, ${fullRoomColumns('most recent')}
    FROM (SELECT * FROM visible ORDER BY ${LIST_ORDER} LIMIT $2::bigint OFFSET $3::bigint) v
    JOIN room r ON r.id = v.id JOIN room_member me ON me.room_id = v.id AND me.user_id = $1::int ${ROOM_JOINS}`;
  return `WITH visible AS MATERIALIZED (
      SELECT r.id, me.is_pinned, coalesce(r."lastMessageAt", r.created_at) AS active_at, r.created_at
      FROM room_member me JOIN room r ON r.id = me.room_id
      WHERE me.user_id = $1::int AND ${VISIBLE} ${filters}
    ) ${pageStatement('SELECT count(*) FROM visible', page, LIST_ORDER)}`;
}

/** Conditions of the wanted filters; appends their values to `params`. */
function listFilters({ search, type, since }: RoomListQuery, params: unknown[]): string {
  const conditions: string[] = [];
  if (search.trim() !== '') {
    // strpos, not LIKE: no character of the search is special.
    params.push(search);
    const wanted = `chat_search_text($${params.length})`;
    conditions.push(`(strpos(chat_search_text(r.name), ${wanted}) > 0 OR EXISTS (
      SELECT FROM "user" u WHERE u.id = ${PARTNER_ID} AND strpos(chat_search_text(u.name), ${wanted}) > 0))`);
  }
  if (type !== '') {
    params.push(type);
    conditions.push(`r.type = $${params.length}`);
  }
  if (since !== undefined) {
    params.push(epochSeconds(since));
    conditions.push(
      `greatest(r.updated_at, me.updated_at, r."lastMessageAt") > to_timestamp($${params.length}::float8)`,
    );
  }
  return conditions.map((condition) => `AND ${condition}`).join(' ');
}

async function getDeletedRoomIds(db: Db, userId: number, since: string | undefined): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT r.id, greatest(me.removed_at, me.deleted_at, r.deleted_at) AS lost_at
      FROM room_member me JOIN room r ON r.id = me.room_id
      WHERE me.user_id = $1::int
        AND greatest(me.removed_at, me.deleted_at, r.deleted_at) > coalesce(to_timestamp($2::float8), '-infinity')
      ORDER BY lost_at DESC, r.id LIMIT ${UNPAGED}`,
    [userId, since === undefined ? null : epochSeconds(since)],
  );
  return rows.map(({ id }) => id);
}

async function getMemberships(db: Db, userId: number): Promise<Membership[]> {
  const { rows } = await db.query<{ room_id: string; join_event: number }>(
    `/* memberships */ SELECT me.room_id, me.join_event FROM room_member me JOIN room r ON r.id = me.room_id
      WHERE me.user_id = $1::int AND ${VISIBLE}`,
    [userId],
  );
  return rows.map((row) => ({ roomId: row.room_id, joinEvent: row.join_event }));
}

async function getRoomParticipants(
  db: Db,
  roomId: string,
  query: Parameters<RoomsRepository['getRoomParticipants']>[1],
): Promise<Page<RoomParticipant>> {
  const { limit, offset } = pageWindow(query, UNPAGED);
  const members = `FROM room_member x JOIN "user" u ON u.id = x.user_id
    WHERE x.room_id = $1::uuid AND x.removed_at IS NULL AND x.deleted_at IS NULL AND u.removed_at IS NULL AND u.deleted_at IS NULL
    ${query.search.trim() === '' ? '' : 'AND strpos(chat_search_text(u.name), chat_search_text($4)) > 0'}`;
  const { rows } = await db.query<PageRow & ParticipantRow>(
    pageStatement(
      `SELECT count(*) ${members}`,
      `SELECT true AS found, u.id, u.name, u.phone, u.avatar, x.role ${members}
        ORDER BY u.name, u.id LIMIT $2::bigint OFFSET $3::bigint`,
      'x.name, x.id',
    ),
    [roomId, limit, offset, ...(query.search.trim() === '' ? [] : [query.search])],
  );
  return toPage(rows, ({ id, name, phone, avatar, role }) => toParticipant([id, name, phone, avatar, role]));
}

async function getActiveMembers(
  db: Db,
  roomId: string,
  userIds: readonly number[],
): Promise<ReadonlyMap<number, Role>> {
  if (userIds.length === 0) return new Map();
  const { rows } = await db.query<{ user_id: number; role: Role }>(
    `/* active_members */ SELECT me.user_id, me.role FROM room_member me JOIN room r ON r.id = me.room_id
      JOIN "user" u ON u.id = me.user_id
      WHERE me.room_id = $1::uuid AND me.user_id = ANY ($2::int[]) AND ${VISIBLE} AND u.removed_at IS NULL AND u.deleted_at IS NULL`,
    [roomId, userIds],
  );
  return new Map(rows.map((row) => [row.user_id, row.role]));
}

interface ParticipantRow {
  readonly id: number;
  readonly name: string;
  readonly phone: string | null;
  readonly avatar: string | null;
  readonly role: string;
}
