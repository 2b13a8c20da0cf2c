import {
  type MessageKey,
  type MessageTracer,
  type StoredMessageRow,
  type TracedMember,
  toTracedMessage,
} from '../message-trace.ts';
import type { Sql } from './db.ts';

/** Traces messages that are in PostgreSQL. */
export function createPostgresMessageTracer(sql: Sql): MessageTracer {
  return {
    async find(key) {
      const { rows } = await sql.query<StoredMessageRow>(...lookUp(key));
      return rows[0] === undefined ? undefined : toTracedMessage(rows[0]);
    },
    async members({ roomId, sequence }, limit) {
      const { rows } = await sql.query<MemberRow>(MEMBERS, [roomId, sequence, limit]);
      const counted = await sql.query<{ total: number }>(
        'SELECT count(*)::int AS total FROM room_member WHERE room_id = $1::uuid',
        [roomId],
      );
      return { members: rows.map(toMember), total: counted.rows[0]?.total ?? 0 };
    },
  };
}

/** An entry of the outbox that a room's events wait in. */
export interface WaitingEntry {
  /** Of its first event. */
  readonly roomEvent: number;
  readonly createdAt: Date;
  /** Of a sent message, which has two events; else the event is in `payload`. */
  readonly messageId: string | undefined;
  readonly payload: Uint8Array | undefined;
}

/** Events of the room that wait to be published, oldest first, at most `limit`. */
export async function waitingEntries(sql: Sql, roomId: string, limit: number): Promise<WaitingEntry[]> {
  const { rows } = await sql.query<{
    room_event: number;
    created_at: Date;
    message_id: string | null;
    payload: Uint8Array | null;
  }>(
    `SELECT room_event::float8 AS room_event, created_at, message_id, payload FROM outbox
      WHERE room_id = $1::uuid ORDER BY id LIMIT $2::int`,
    [roomId, limit],
  );
  return rows.map(({ room_event, created_at, message_id, payload }) => ({
    roomEvent: room_event,
    createdAt: created_at,
    messageId: message_id ?? undefined,
    payload: payload ?? undefined,
  }));
}

const COLUMNS = `SELECT id, room_id, sequence::float8 AS sequence, sender_id, sender_message_id, type, created_at, updated_at,
  edited, deleted_at FROM room_message`;
const MEMBERS = `SELECT m.user_id, m.removed_at IS NULL AND m.deleted_at IS NULL AS active, m.join_sequence::float8 AS joined,
    m.read_sequence::float8 AS read, p.read_at
  FROM room_member m LEFT JOIN LATERAL (SELECT read_at FROM room_read_position p
    WHERE p.room_id = m.room_id AND p.user_id = m.user_id AND p.sequence >= $2::bigint ORDER BY p.sequence LIMIT 1) p ON true
  WHERE m.room_id = $1::uuid ORDER BY m.user_id LIMIT $3::int`;

function lookUp(key: MessageKey): [text: string, params: unknown[]] {
  return 'id' in key
    ? [`${COLUMNS} WHERE id = $1::uuid`, [key.id]]
    : [
        `${COLUMNS} WHERE sender_id = $1::int AND sender_message_id = $2`,
        [key.senderId, key.senderMessageId],
      ];
}

function toMember({ user_id, active, joined, read, read_at }: MemberRow): TracedMember {
  return {
    userId: user_id,
    isActive: active,
    joinSequence: joined,
    readSequence: read,
    readAt: read_at ?? undefined,
  };
}

interface MemberRow {
  readonly user_id: number;
  readonly active: boolean;
  readonly joined: number;
  readonly read: number;
  readonly read_at: Date | null;
}
