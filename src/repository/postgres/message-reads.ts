import type {
  MessageData,
  MessageStatus,
  MessageUserRead,
  Reaction,
} from '../../gen/services/chat/v1/types_pb.ts';
import {
  type MessageRow,
  type ReactorRow,
  type ReaderRow,
  toMessage,
  toReaction,
  toUserRead,
} from '../message-data.ts';
import { pageWindow, SYNC_MESSAGES, UNPAGED, UNPAGED_MESSAGES } from '../paging.ts';
import type { HistoryQuery, Page, Paging, RoomsRepository } from '../rooms-repository.ts';
import type { Db } from './db.ts';
import { messageColumns, messageJoins, messageStatus, notDeleted } from './message-rows.ts';
import { epochSeconds, type PageRow, pageStatement, toPage } from './page.ts';
import { VISIBLE } from './room-rows.ts';
import { guarded } from './store-errors.ts';

/** The part of the {@link RoomsRepository} that reads messages, receipts and reactions. */
export type MessageReads = Pick<
  RoomsRepository,
  | 'getMessage'
  | 'getSenderMessageStatus'
  | 'getMessageHistory'
  | 'getMessagesForSync'
  | 'getMessageRead'
  | 'getMessageReactions'
>;

/** Reads messages from Postgres. */
export function createMessageReads(db: Db): MessageReads {
  return {
    getMessage: (userId, messageId) => guarded(() => getMessage(db, userId, messageId)),
    getSenderMessageStatus: (senderId, senderMessageId) =>
      guarded(() => getSenderMessageStatus(db, senderId, senderMessageId)),
    getMessageHistory: (userId, roomId, query) => guarded(() => getMessageHistory(db, userId, roomId, query)),
    getMessagesForSync: (userId, query) => guarded(() => getMessagesForSync(db, userId, query)),
    getMessageRead: (messageId, paging) => guarded(() => getMessageRead(db, messageId, paging)),
    getMessageReactions: (messageId, paging) => guarded(() => getMessageReactions(db, messageId, paging)),
  };
}

const GET_MESSAGE = `/* get_message */ SELECT ${messageColumns('$2::int')} FROM room_message m ${messageJoins('$2::int')}
  JOIN room r ON r.id = m.room_id JOIN room_member me ON me.room_id = m.room_id AND me.user_id = $2::int
  WHERE m.id = $1::uuid AND ${VISIBLE}`;

async function getMessage(db: Db, userId: number, messageId: string): Promise<MessageData | undefined> {
  const { rows } = await db.query<MessageRow>(GET_MESSAGE, [messageId, userId]);
  return rows[0] === undefined ? undefined : toMessage(rows[0]);
}

async function getSenderMessageStatus(
  db: Db,
  senderId: number,
  senderMessageId: string,
): Promise<MessageStatus | undefined> {
  const { rows } = await db.query<{ status: MessageStatus }>(
    `/* sender_message_status */ SELECT ${messageStatus('$1::int', 'NULL::bigint')} AS status FROM room_message m
      WHERE m.sender_id = $1::int AND m.sender_message_id = $2 AND m.deleted_at IS NULL`,
    [senderId, senderMessageId],
  );
  return rows[0]?.status;
}

async function getMessageHistory(
  db: Db,
  userId: number,
  roomId: string,
  query: HistoryQuery,
): Promise<Page<MessageData>> {
  const { messagesPerRoom, beforeMessageId, afterMessageId, beforeDate, afterDate } = query;
  const capped = messagesPerRoom > 0;
  const { limit, offset } = capped
    ? { limit: messagesPerRoom, offset: 0 }
    : pageWindow(query, UNPAGED_MESSAGES);
  const params: unknown[] = [
    roomId,
    userId,
    limit,
    offset,
    beforeMessageId ?? null,
    afterMessageId ?? null,
    capped,
  ];
  let dates = '';
  for (const [operator, date] of [['<', beforeDate] as const, ['>', afterDate] as const]) {
    if (date === undefined) continue;
    params.push(epochSeconds(date));
    dates += ` AND h.updated_at ${operator} to_timestamp($${params.length}::float8)`;
  }
  const name = dates === '' ? '/* message_history */ ' : '';
  const { rows } = await db.query<PageRow & MessageRow>(`${name}${historyStatement(dates)}`, params);
  return toPage(rows, toMessage);
}

/**
 * One room's messages between two sequences, newest first. Sequences have no gaps, so without dates the total is
 * the width of the interval less the deleted messages in it: nothing that is not shown has to be visited.
 */
function historyStatement(dates: string): string {
  const total =
    dates === ''
      ? `greatest(b.upper - b.lower - 1, 0) - (SELECT count(*) FROM room_message h WHERE h.room_id = $1::uuid
          AND h.deleted_at IS NOT NULL AND h.sequence < b.upper AND h.sequence > b.lower)`
      : `(SELECT count(*) FROM room_message h WHERE h.room_id = $1::uuid
          AND h.deleted_at IS NULL AND h.sequence < b.upper AND h.sequence > b.lower${dates})`;
  return `SELECT c.total, x.*
    FROM room r JOIN room_member me ON me.room_id = r.id
    CROSS JOIN LATERAL (SELECT
      coalesce((SELECT h.sequence FROM room_message h WHERE h.id = $5::uuid AND h.room_id = $1::uuid), r.last_sequence + 1) AS upper,
      coalesce((SELECT h.sequence FROM room_message h WHERE h.id = $6::uuid AND h.room_id = $1::uuid), 0) AS lower OFFSET 0) b
    CROSS JOIN LATERAL (SELECT (CASE WHEN NOT $7::boolean THEN ${total} ELSE 0 END)::int AS total OFFSET 0) c
    LEFT JOIN LATERAL (SELECT true AS found, ${messageColumns('$2::int')} FROM (
        SELECT h.* FROM room_message h WHERE h.room_id = $1::uuid AND ${notDeleted('h')}
          AND h.sequence < b.upper AND h.sequence > b.lower${dates}
        ORDER BY h.sequence DESC LIMIT $3::bigint OFFSET $4::bigint) m ${messageJoins('$2::int')}) x ON true
    WHERE r.id = $1::uuid AND me.user_id = $2::int AND ${VISIBLE} ORDER BY x.sequence DESC`;
}

async function getMessagesForSync(
  db: Db,
  userId: number,
  query: Parameters<RoomsRepository['getMessagesForSync']>[1],
): Promise<MessageData[]> {
  const perRoom = query.perRoom > 0 ? Math.min(query.perRoom, SYNC_MESSAGES) : SYNC_MESSAGES;
  const params: unknown[] = [userId, perRoom];
  let conditions = notDeleted('h');
  if (query.after !== undefined) {
    params.push(epochSeconds(query.after));
    const after = `to_timestamp($${params.length}::float8)`;
    conditions = `h.updated_at > ${after} AND (h.deleted_at IS NULL OR h.deleted_at > ${after})`;
  }
  if (query.createdAfter !== undefined) {
    params.push(epochSeconds(query.createdAfter));
    const after = `to_timestamp($${params.length}::float8)`;
    // No message is older than its last change: the condition that has an index comes first.
    conditions += ` AND h.updated_at > ${after} AND h.created_at > ${after}`;
  }
  const { rows } = await db.query<MessageRow>(syncStatement(conditions), params);
  return rows.map(toMessage);
}

/** The newest matching messages of each room, rooms with recent activity first; whole rows only for those that are answered. */
function syncStatement(conditions: string): string {
  return `WITH picked AS MATERIALIZED (
      SELECT k.room_id, k.sequence, me.active_at FROM (
        SELECT me.room_id, coalesce(r."lastMessageAt", r.created_at) AS active_at
        FROM room_member me JOIN room r ON r.id = me.room_id WHERE me.user_id = $1::int AND ${VISIBLE}) me
      CROSS JOIN LATERAL (SELECT h.room_id, h.sequence FROM room_message h
        WHERE h.room_id = me.room_id AND ${conditions} ORDER BY h.sequence DESC LIMIT $2::bigint) k
      ORDER BY me.active_at DESC, k.room_id, k.sequence DESC LIMIT ${SYNC_MESSAGES})
    SELECT ${messageColumns('$1::int')} FROM picked
    CROSS JOIN LATERAL (SELECT h.* FROM room_message h
      WHERE h.room_id = picked.room_id AND h.sequence = picked.sequence OFFSET 0) m ${messageJoins('$1::int')}
    ORDER BY picked.active_at DESC, m.room_id, m.sequence DESC`;
}

/** A member has read the message when his position has reached it; the first position that did says when. */
const READERS = `FROM room_message m
  JOIN room_member w ON w.room_id = m.room_id AND w.user_id <> m.sender_id AND w.read_sequence >= m.sequence AND w.read_sequence > 0
  WHERE m.id = $1::uuid`;

const MESSAGE_READ = pageStatement(
  `SELECT count(*) ${READERS}`,
  `SELECT true AS found, u.id, u.name, u.phone, u.avatar, y.read_at FROM (
      SELECT w.user_id, (SELECT p.read_at FROM room_read_position p
        WHERE p.room_id = w.room_id AND p.user_id = w.user_id AND p.sequence >= m.sequence
        ORDER BY p.sequence LIMIT 1) AS read_at ${READERS}
      ORDER BY read_at, w.user_id LIMIT $2::bigint OFFSET $3::bigint) y
    JOIN "user" u ON u.id = y.user_id`,
  'x.read_at, x.id',
);

async function getMessageRead(db: Db, messageId: string, paging: Paging): Promise<Page<MessageUserRead>> {
  const { limit, offset } = pageWindow(paging, UNPAGED);
  const { rows } = await db.query<PageRow & ReaderRow>(MESSAGE_READ, [messageId, limit, offset]);
  return toPage(rows, toUserRead);
}

const MESSAGE_REACTIONS = pageStatement(
  `SELECT count(*) FROM room_message_reaction e WHERE e."messageId" = $1::uuid AND e.deleted_at IS NULL`,
  `SELECT true AS found, u.id, u.name, u.phone, u.avatar, e.reaction, e.updated_at
    FROM room_message_reaction e JOIN "user" u ON u.id = e."reactedById"
    WHERE e."messageId" = $1::uuid AND e.deleted_at IS NULL
    ORDER BY e.updated_at DESC, u.id LIMIT $2::bigint OFFSET $3::bigint`,
  'x.updated_at DESC, x.id',
);

async function getMessageReactions(db: Db, messageId: string, paging: Paging): Promise<Page<Reaction>> {
  const { limit, offset } = pageWindow(paging, UNPAGED);
  const { rows } = await db.query<PageRow & ReactorRow>(MESSAGE_REACTIONS, [messageId, limit, offset]);
  return toPage(rows, (row) => toReaction(messageId, row));
}
