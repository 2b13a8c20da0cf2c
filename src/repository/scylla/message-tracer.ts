import { type MessageTracer, toTracedMessage } from '../message-trace.ts';
import { MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import { keyPlace, readMessageAt } from './message-places.ts';
import type { ScyllaSession } from './session.ts';
import { isActive, type MessagePlaceRow, type ParticipantRow } from './tables.ts';

const PLACE = 'SELECT message_id, room_id, sequence FROM {ks}.room_by_message WHERE message_id = ?';
const MEMBERS = `SELECT user_id, removed_at, deleted_at, join_sequence, read_sequence FROM {ks}.participants_by_room
  WHERE room_id = ? LIMIT ?`;
const TOTAL = 'SELECT count(*) AS total FROM {ks}.participants_by_room WHERE room_id = ?';
const READ_AT = `SELECT read_at FROM {ks}.read_positions_by_member
  WHERE room_id = ? AND user_id = ? AND sequence >= ? LIMIT 1`;

/** Traces messages that are in Scylla. */
export function createScyllaMessageTracer(session: ScyllaSession): MessageTracer {
  return {
    async find(key) {
      const place =
        'id' in key
          ? (await session.read<MessagePlaceRow>(PLACE, [key.id]))[0]
          : await keyPlace(session, key.senderId, key.senderMessageId);
      const row = place === undefined ? undefined : await readMessageAt(session, place);
      return row === undefined ? undefined : toTracedMessage({ ...row, id: row.message_id });
    },
    async members({ roomId, sequence }, limit) {
      const rows = await session.read<MemberRow>(MEMBERS, [roomId, limit]);
      const counted = await session.read<{ total: number }>(TOTAL, [roomId]);
      const members = await mapInParallel(rows, MAX_PARALLEL_READS, async (row) => {
        const [read] = await session.read<{ read_at: Date | null }>(READ_AT, [roomId, row.user_id, sequence]);
        return {
          userId: row.user_id,
          isActive: isActive(row),
          joinSequence: row.join_sequence ?? 0,
          readSequence: row.read_sequence ?? 0,
          readAt: read?.read_at ?? undefined,
        };
      });
      return { members, total: counted[0]?.total ?? members.length };
    },
  };
}

type MemberRow = Pick<
  ParticipantRow,
  'user_id' | 'removed_at' | 'deleted_at' | 'join_sequence' | 'read_sequence'
>;
