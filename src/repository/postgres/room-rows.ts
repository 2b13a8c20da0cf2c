import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import { type FullRoomRow, type RoomRow, SHOWN_PARTICIPANTS, toFullRoom, toLightRoom } from '../room-data.ts';
import type { Sql } from './db.ts';
import { messageStatus, notDeleted } from './message-rows.ts';

/**
 * Columns of a {@link RoomRow} in light view for the room `r` as the member `me` sees it;
 * `p` is his partner's membership and `pu` the partner.
 */
const LIGHT_ROOM_COLUMNS = `r.id, r.name, r.description, r.image, r.encription_data, r.type, r.join_all_user,
  r.send_message, r.add_member, r.edit_group, r.created_at, r.updated_at,
  me.role, me.is_pinned, me.is_muted, me.is_partner_blocked, me.read_sequence,
  p.user_id AS partner_id, pu.name AS partner_name, pu.phone AS partner_phone, pu.avatar AS partner_avatar,
  p.role AS partner_role, p.is_partner_blocked AS blocked_by_partner, p.is_muted AS muted_by_partner`;

/** The other one of the pair of a p2p room; NULL for other rooms. */
export const PARTNER_ID = 'CASE WHEN r.p2p_low = me.user_id THEN r.p2p_high ELSE r.p2p_low END';

/** The joins that {@link LIGHT_ROOM_COLUMNS} needs. The partner counts however he left: a p2p room without one is unusable. */
export const ROOM_JOINS = `LEFT JOIN room_member p ON p.room_id = r.id AND p.user_id = ${PARTNER_ID}
  LEFT JOIN "user" pu ON pu.id = p.user_id`;

/** Whether the membership `me` of the room `r` lets its user see the room. */
export const VISIBLE = 'me.removed_at IS NULL AND me.deleted_at IS NULL AND r.deleted_at IS NULL';

/** The member has read, or never was to read, everything up to here. */
const READ_UP_TO = 'greatest(me.read_sequence, me.join_sequence)';

/**
 * Sequences have no gaps, so what is unread is counted by what is not: the member's own messages and the deleted ones.
 * Counting the unread ones themselves would cost the most where nobody ever looks.
 */
const UNREAD_COLUMN = `CASE WHEN ${READ_UP_TO} < r.last_sequence THEN (r.last_sequence - ${READ_UP_TO}
    - (SELECT count(*) FROM room_message n
      WHERE n.room_id = r.id AND n.sender_id = me.user_id AND n.sequence > 0 AND n.sequence > ${READ_UP_TO})
    - (SELECT count(*) FROM room_message n WHERE n.room_id = r.id AND n.deleted_at IS NOT NULL
      AND n.sequence > ${READ_UP_TO} AND n.sender_id <> me.user_id)
  )::int ELSE 0 END AS unread_count`;

const LAST_MESSAGE_COLUMN = `(
    SELECT json_build_object('id', m.id, 'sequence', m.sequence, 'sender_id', m.sender_id, 'sender_name', s.name,
      'sender_phone', s.phone, 'sender_avatar', s.avatar, 'content', m.content, 'type', m.type, 'event', m.event,
      'created_at', m.created_at, 'updated_at', m.updated_at, 'status', ${messageStatus('me.user_id', 'me.read_sequence')})
    FROM (SELECT n.* FROM room_message n WHERE n.room_id = r.id AND ${notDeleted('n')}
      ORDER BY n.sequence DESC LIMIT 1) m JOIN "user" s ON s.id = m.sender_id
  ) AS last_message`;

/** Columns of a {@link RoomRow} in full view; participants are the first by name, or the most recent joiners. */
export function fullRoomColumns(participants: 'by name' | 'most recent'): string {
  const order = participants === 'by name' ? 'u.name, u.id' : 'x.created_at DESC, x.user_id';
  return `${LIGHT_ROOM_COLUMNS}, r.last_sequence, ${UNREAD_COLUMN}, ${LAST_MESSAGE_COLUMN},
    CASE WHEN r.type <> 'p2p' THEN (
      SELECT json_agg(json_build_array(y.id, y.name, y.phone, y.avatar, y.role)) FROM (
        SELECT u.id, u.name, u.phone, u.avatar, x.role FROM room_member x JOIN "user" u ON u.id = x.user_id
        WHERE x.room_id = r.id AND x.removed_at IS NULL AND x.deleted_at IS NULL AND u.removed_at IS NULL AND u.deleted_at IS NULL
        ORDER BY ${order} LIMIT ${SHOWN_PARTICIPANTS}) y
    ) END AS participants`;
}

const LOAD_FULL = `/* load_full_room */ SELECT ${fullRoomColumns('by name')}
  FROM room r JOIN room_member me ON me.room_id = r.id ${ROOM_JOINS}
  WHERE r.id = $1::uuid AND me.user_id = $2::int AND ${VISIBLE} AND (r.type <> 'p2p' OR p.user_id IS NOT NULL)`;

const LOAD_LIGHT = `/* load_light_rooms */ SELECT w.n, ${LIGHT_ROOM_COLUMNS}
  FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS w (room_id, user_id, n)
  JOIN room r ON r.id = w.room_id JOIN room_member me ON me.room_id = w.room_id AND me.user_id = w.user_id ${ROOM_JOINS}
  WHERE ${VISIBLE} AND (r.type <> 'p2p' OR p.user_id IS NOT NULL)`;

/** The room as the user sees it; undefined when he is not an active member, or when the room is deleted or lacks its partner. */
export async function loadRoom(
  sql: Sql,
  userId: number,
  roomId: string,
  view: 'full' | 'light',
): Promise<Room | undefined> {
  if (view === 'light') return (await loadLightRooms(sql, [{ userId, roomId }]))[0];
  const { rows } = await sql.query<FullRoomRow>(LOAD_FULL, [roomId, userId]);
  return rows[0] === undefined ? undefined : toFullRoom(rows[0]);
}

/** Light views in one statement: one answer for each question, in order, as of {@link loadRoom}. */
export async function loadLightRooms(
  sql: Sql,
  questions: readonly { readonly userId: number; readonly roomId: string }[],
): Promise<(Room | undefined)[]> {
  const { rows } = await sql.query<RoomRow & { readonly n: number }>(LOAD_LIGHT, [
    questions.map(({ roomId }) => roomId),
    questions.map(({ userId }) => userId),
  ]);
  const answers = new Array<Room | undefined>(questions.length).fill(undefined);
  for (const row of rows) answers[row.n - 1] = toLightRoom(row);
  return answers;
}
