import { type MessageData, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import { type MessageRow, toMessage } from '../message-data.ts';
import type { Sql } from './db.ts';

const LOAD = `/* load_messages */ SELECT ${messageColumns('$2::int')} FROM room_message m ${messageJoins('$2::int')}
  WHERE m.id = ANY ($1::uuid[])`;

/**
 * Messages by id, complete as the viewer sees them, in one statement; unknown ids are left out.
 * Without a viewer the view is neutral: every status is SENT. A deleted message is emptied (behaviour D65).
 * Does not ask whether the viewer may see them.
 */
export async function loadMessages(
  sql: Sql,
  ids: readonly string[],
  viewerId: number | undefined,
): Promise<Map<string, MessageData>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<MessageRow>(LOAD, [ids, viewerId ?? null]);
  return new Map(rows.map((row) => [row.id, toMessage(row)]));
}

/**
 * Columns of a {@link MessageRow} for the message `m`, whose sender is `s` and whose viewer's membership is `v`. `viewer` is an SQL expression: a user's id or NULL for the neutral view.
 *
 * Other messages and users hang on subqueries by key, not on joins: however many messages there are,
 * no plan can turn that into a scan of the whole table.
 */
export function messageColumns(viewer: string): string {
  return `m.id, m.room_id, m.sequence, m.sender_id, m.content, m.audio_transcription, m.type, m.lifetime, m.origin,
    m.location_name, m.location_latitude, m.location_longitude, m.contact_id, m.contact_name, m.contact_phone,
    m.file, m.edited, m.deleted_at IS NOT NULL AS is_deleted, m.forwarded_message_id,
    m.forwarded_message_original_sender AS forwarded_sender_id, m.event, m.sender_message_id, m.created_at, m.updated_at,
    s.name AS sender_name, s.phone AS sender_phone, s.avatar AS sender_avatar,
    ${messageStatus(viewer)} AS status,
    CASE WHEN m.forwarded_message_original_sender IS NOT NULL THEN (
      SELECT json_build_array(f.name, f.phone, f.avatar) FROM "user" f WHERE f.id = m.forwarded_message_original_sender
    ) END AS forwarded_sender,
    CASE WHEN m.replied_message_id IS NOT NULL THEN (
      SELECT json_build_object('id', q.id, 'room_id', q.room_id, 'sequence', q.sequence, 'sender_id', q.sender_id,
        'sender_name', qs.name, 'sender_phone', qs.phone, 'sender_avatar', qs.avatar,
        'content', CASE WHEN q.deleted_at IS NULL THEN q.content END, 'is_deleted', q.deleted_at IS NOT NULL,
        'type', q.type, 'created_at', q.created_at, 'updated_at', q.updated_at)
      FROM room_message q CROSS JOIN LATERAL (SELECT u.* FROM "user" u WHERE u.id = q.sender_id OFFSET 0) qs
      WHERE q.id = m.replied_message_id
    ) END AS reply,
    (SELECT json_agg(json_build_array(t.user_id, u.name, u.phone, t.tag) ORDER BY t.created_at, t.user_id, t.tag)
      FROM room_message_tag t JOIN "user" u ON u.id = t.user_id
      WHERE t.message_id = m.id AND t.deleted_at IS NULL) AS mentions,
    (SELECT json_agg(json_build_array(x."reactedById", x.reaction) ORDER BY x.created_at, x."reactedById")
      FROM room_message_reaction x WHERE x."messageId" = m.id AND x.deleted_at IS NULL) AS reactions`;
}

/**
 * For messages that are listed in the order of their sequence. The flag, not the time: before a table is analysed, Postgres takes
 * an empty time for rare and would rather sort the whole room than walk it in order.
 */
export function notDeleted(message: string): string {
  return `NOT ${message}."isDeleted"`;
}

/** The joins that {@link messageColumns} needs. */
export function messageJoins(viewer: string): string {
  return `JOIN "user" s ON s.id = m.sender_id
    LEFT JOIN room_member v ON v.room_id = m.room_id AND v.user_id = ${viewer}`;
}

/**
 * Status of the message `m` for the viewer (behaviour 3.6), as a number: for its author READ when anybody else has read it,
 * for another member READ when he has. `position` is the viewer's own read position.
 */
export function messageStatus(viewer: string, position = 'v.read_sequence'): string {
  return `CASE WHEN CASE WHEN m.sender_id = ${viewer} THEN m.sequence <= (
      SELECT w.read_sequence FROM room_member w WHERE w.room_id = m.room_id AND w.user_id <> m.sender_id AND w.read_sequence > 0
      ORDER BY w.read_sequence DESC LIMIT 1)
    ELSE m.sequence <= ${position} END THEN ${MessageStatus.READ} ELSE ${MessageStatus.SENT} END`;
}
