import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import { announceRoom, checkUsers, findPair, pairOf } from '../postgres/create-room.ts';
import type { Sql } from '../postgres/db.ts';
import { retryConflicts } from '../postgres/store-errors.ts';
import type { NewRoom } from '../rooms-repository.ts';
import { type LoggedChange, logChanges } from './change-log.ts';
import type { ChangeRow } from './changes.ts';
import type { ScyllaWriteDeps } from './room-change.ts';
import { loadRoom } from './room-rows.ts';
import { newMember } from './room-writes.ts';

const MAX_ATTEMPTS = 3;

/** See the port. That there is one p2p room per pair is decided by PostgreSQL, where the room's head is. */
export async function createScyllaRoom(
  deps: ScyllaWriteDeps,
  room: NewRoom,
): Promise<{ readonly room: Room; readonly created: boolean }> {
  const { db, session, applier, notifications } = deps;
  const wanted = { ...room, subscribe: room.subscribe && notifications !== undefined };
  const traceContext = deps.traceContext?.();
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    // A store that is away refuses before anything is decided.
    await session.ping();
    const found = await retryConflicts(
      async () => await db.transaction(async (tx) => await findOrWrite(tx, wanted, traceContext)),
    );
    if (found === undefined) continue;
    const { id, changes } = found;
    const created = id === room.id;
    if (created && wanted.subscribe) notifications?.notify();
    // Another call may have made the room a moment ago.
    await (created ? applier.apply(changes) : applier.catchUpRoom(db, id));
    const view = await loadRoom({ session, sql: db }, room.creator.userId, id, 'full');
    if (view !== undefined) return { room: view, created };
  }
  throw new Error('the p2p room of the pair vanished again and again');
}

/** The id of the pair's room, or of the new one with its changes. Undefined when the pair's room was dissolved just after it stood in the way. */
async function findOrWrite(
  tx: Sql,
  room: NewRoom,
  traceContext: string | undefined,
): Promise<{ readonly id: string; readonly changes: readonly LoggedChange[] } | undefined> {
  const memberIds = [room.creator.userId, ...room.participantIds];
  await checkUsers(tx, memberIds);
  const createdAt = await insertHead(tx, room);
  if (createdAt === undefined) {
    const id = await findPair(tx, room);
    return id === undefined ? undefined : { id, changes: [] };
  }
  const clock = await tx.query<{ clock: number }>(`SELECT nextval('chat_clock') AS clock`, []);
  const changes = await logChanges(
    tx,
    clock.rows[0]?.clock ?? 0,
    rowsOf(room, memberIds, createdAt.toISOString()).map((row) => ({ roomId: room.id, row })),
  );
  await announceRoom(tx, room, memberIds, traceContext);
  return { id: room.id, changes };
}

/** When the room was made; undefined when the pair has one. Waits for another call that is just making it. */
async function insertHead(tx: Sql, room: NewRoom): Promise<Date | undefined> {
  const { rows } = await tx.query<{ created_at: Date }>(
    `INSERT INTO room (id, type, p2p_low, p2p_high) VALUES ($1, $2, $3, $4)
     ON CONFLICT (p2p_low, p2p_high) WHERE type = 'p2p' AND deleted_at IS NULL DO NOTHING RETURNING created_at`,
    [room.id, room.type, ...pairOf(room)],
  );
  return rows[0]?.created_at;
}

function rowsOf(room: NewRoom, memberIds: readonly number[], at: string): ChangeRow[] {
  const [low, high] = pairOf(room);
  return [
    {
      table: 'room',
      row: {
        id: room.id,
        name: room.name,
        description: room.description,
        image: room.photoUrl,
        type: room.type,
        encription_data: room.encryptionData,
        join_all_user: false,
        send_message: room.sendMessage,
        add_member: room.addMember,
        edit_group: room.editGroup,
        p2p_low: low,
        p2p_high: high,
        created_at: at,
        updated_at: at,
      },
    },
    ...memberIds.map(
      (userId): ChangeRow => ({
        table: 'room_member',
        row: {
          ...newMember(room.id, userId, userId === room.creator.userId ? 'OWNER' : 'MEMBER', at),
          read_sequence: 0,
          join_sequence: 0,
          join_event: 0,
        },
      }),
    ),
  ];
}
