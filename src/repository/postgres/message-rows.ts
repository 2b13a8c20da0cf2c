import { create } from '@bufbuild/protobuf';
import {
  MentionSchema,
  type MessageData,
  MessageDataSchema,
  MessageStatus,
  ReactionSchema,
} from '../../gen/services/chat/v1/types_pb.ts';
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

/** A message from its row. Optional fields are set only when they are stored; a deleted message keeps only its frame. */
export function toMessage(row: MessageRow): MessageData {
  const message = create(MessageDataSchema);
  message.id = row.id;
  message.roomId = row.room_id;
  message.sequence = row.sequence;
  message.senderId = row.sender_id;
  message.senderName = row.sender_name ?? '';
  message.senderPhone = row.sender_phone ?? '';
  message.senderAvatar = row.sender_avatar ?? '';
  message.status = row.status;
  message.type = row.type;
  message.edited = row.edited;
  message.isDeleted = row.is_deleted;
  message.createdAt = row.created_at.toISOString();
  message.updatedAt = row.updated_at.toISOString();
  if (row.lifetime !== null) message.lifetime = row.lifetime;
  if (row.origin !== null) message.origin = row.origin;
  if (row.event !== null) message.event = row.event;
  if (row.sender_message_id !== null) message.senderMessageId = row.sender_message_id;
  if (row.reply !== null) message.reply = toReply(row.reply);
  if (row.forwarded_message_id !== null) message.forwardedMessageId = row.forwarded_message_id;
  if (row.forwarded_sender_id !== null) {
    message.forwardedMessageSenderId = row.forwarded_sender_id;
    const [name, phone, avatar] = row.forwarded_sender ?? [];
    message.forwardedMessageSenderName = name ?? '';
    message.forwardedMessageSenderPhone = phone ?? '';
    message.forwardedMessageSenderAvatar = avatar ?? '';
  }
  if (!row.is_deleted) setContent(message, row);
  return message;
}

/** Sets what a deleted message has lost: all that was said in it and about it. */
function setContent(message: MessageData, row: MessageRow): void {
  message.content = row.content ?? '';
  if (row.audio_transcription !== null) message.audioTranscription = row.audio_transcription;
  if (row.location_name !== null) message.locationName = row.location_name;
  if (row.location_latitude !== null) message.locationLatitude = row.location_latitude;
  if (row.location_longitude !== null) message.locationLongitude = row.location_longitude;
  if (row.contact_id !== null) message.contactId = String(row.contact_id);
  if (row.contact_name !== null) message.contactName = row.contact_name;
  if (row.contact_phone !== null) message.contactPhone = row.contact_phone;
  if (row.file !== null) message.file = row.file;
  for (const [userId, name, phone, tag] of row.mentions ?? []) {
    const mention = create(MentionSchema);
    mention.id = String(userId);
    mention.name = name ?? '';
    mention.phone = phone ?? '';
    mention.tag = tag;
    mention.messageId = row.id;
    message.mentions.push(mention);
  }
  for (const [userId, text] of row.reactions ?? []) {
    const reaction = create(ReactionSchema);
    reaction.reactedById = String(userId);
    reaction.reaction = text ?? '';
    reaction.messageId = row.id;
    message.reactions.push(reaction);
  }
}

function toReply(row: ReplyJson): MessageData {
  const reply = create(MessageDataSchema);
  reply.id = row.id;
  reply.roomId = row.room_id;
  reply.sequence = row.sequence;
  reply.senderId = row.sender_id;
  reply.senderName = row.sender_name ?? '';
  reply.senderPhone = row.sender_phone ?? '';
  reply.senderAvatar = row.sender_avatar ?? '';
  reply.content = row.content ?? '';
  reply.isDeleted = row.is_deleted;
  reply.type = row.type;
  reply.createdAt = new Date(row.created_at).toISOString();
  reply.updatedAt = new Date(row.updated_at).toISOString();
  return reply;
}

/** What a statement with {@link messageColumns} answers. */
export interface MessageRow {
  readonly id: string;
  readonly room_id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly sender_name: string | null;
  readonly sender_phone: string | null;
  readonly sender_avatar: string | null;
  readonly content: string | null;
  readonly audio_transcription: string | null;
  readonly type: string;
  readonly lifetime: string | null;
  readonly origin: string | null;
  readonly location_name: string | null;
  readonly location_latitude: number | null;
  readonly location_longitude: number | null;
  readonly contact_id: number | null;
  readonly contact_name: string | null;
  readonly contact_phone: string | null;
  readonly file: string | null;
  readonly edited: boolean;
  readonly is_deleted: boolean;
  readonly forwarded_message_id: string | null;
  readonly forwarded_sender_id: number | null;
  /** Name, phone, avatar. */
  readonly forwarded_sender: readonly (string | null)[] | null;
  readonly event: string | null;
  readonly sender_message_id: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly status: MessageStatus;
  readonly reply: ReplyJson | null;
  /** User id, name, phone, tag. */
  readonly mentions: readonly (readonly [number, string | null, string | null, string])[] | null;
  /** Reactor's id, reaction. */
  readonly reactions: readonly (readonly [number, string | null])[] | null;
}

/** The replied message; times are ISO text. */
interface ReplyJson {
  readonly id: string;
  readonly room_id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly sender_name: string | null;
  readonly sender_phone: string | null;
  readonly sender_avatar: string | null;
  readonly content: string | null;
  readonly is_deleted: boolean;
  readonly type: string;
  readonly created_at: string;
  readonly updated_at: string;
}
