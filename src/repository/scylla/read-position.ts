import { readMember } from './members.ts';
import type { ScyllaRoomWork, ScyllaWriteDeps } from './room-change.ts';
import { imageOf, oldOf } from './room-writes.ts';
import { countUnread } from './sequences.ts';

/** Moves a member's read position, never back; answers how many undeleted messages by others became read. */
export async function moveReadPosition(
  { session }: ScyllaWriteDeps,
  work: ScyllaRoomWork,
  userId: number,
  position: number,
): Promise<number> {
  const { head, locked, tx } = work;
  const row = await readMember(session, head.id, userId);
  const old = row?.read_sequence ?? 0;
  if (row === undefined || position <= old) return 0;
  const at = locked.at.toISOString();
  work.change({ table: 'room_member', row: { ...imageOf(row), read_sequence: position }, old: oldOf(row) });
  work.change({
    table: 'room_read_position',
    row: { room_id: head.id, user_id: userId, sequence: position, read_at: at },
  });
  await tx.query('SELECT chat_move_readers($1::uuid, $2::int, $3::bigint)', [head.id, userId, position]);
  const readers = await tx.query<Readers>(
    'SELECT reader1_id, reader1_sequence, reader2_id, reader2_sequence FROM room WHERE id = $1',
    [head.id],
  );
  if (readers.rows[0] !== undefined) work.change({ table: 'room', row: { id: head.id, ...readers.rows[0] } });
  const unreadFrom = Math.max(old, row.join_sequence ?? 0);
  return await countUnread(session, head.id, userId, { lower: unreadFrom, upper: position + 1 });
}

interface Readers {
  readonly reader1_id: number | null;
  readonly reader1_sequence: number;
  readonly reader2_id: number | null;
  readonly reader2_sequence: number;
}
