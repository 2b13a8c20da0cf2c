import { create } from '@bufbuild/protobuf';
import { invalidRequest } from '../../chat/errors.ts';
import { directSubject } from '../../events/subjects.ts';
import { type Room, RoomJoinEventSchema } from '../../gen/services/chat/v1/types_pb.ts';
import type { Notification } from '../../notifications/notifications.ts';
import type { NewRoom } from '../rooms-repository.ts';
import type { Sql } from './db.ts';
import type { WriteDeps } from './room-changes.ts';
import { encodeEvent } from './room-journal.ts';
import { loadRoom } from './room-rows.ts';
import { retryConflicts } from './store-errors.ts';

const MAX_ATTEMPTS = 3;

/** See the port. One undeleted p2p room per pair of users, however many calls make it at once. */
export async function createRoom(
  deps: WriteDeps,
  room: NewRoom,
): Promise<{ readonly room: Room; readonly created: boolean }> {
  const wanted = { ...room, subscribe: room.subscribe && deps.notifications !== undefined };
  const traceContext = deps.traceContext?.();
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const answer = await retryConflicts(
      async () => await deps.db.transaction(async (tx) => await findOrWrite(tx, wanted, traceContext)),
    );
    if (answer === undefined) continue;
    if (answer.created) deps.events.notify();
    if (answer.created && wanted.subscribe) deps.notifications?.notify();
    return answer;
  }
  throw new Error('the p2p room of the pair vanished again and again');
}

/** Undefined when the pair's room was dissolved just after it stood in the way. */
async function findOrWrite(
  tx: Sql,
  room: NewRoom,
  traceContext: string | undefined,
): Promise<{ readonly room: Room; readonly created: boolean } | undefined> {
  const memberIds = [room.creator.userId, ...room.participantIds];
  await checkUsers(tx, memberIds);
  const created = await insertRoom(tx, room);
  if (created) {
    await insertMembers(tx, room, memberIds);
    await announceRoom(tx, room, memberIds, traceContext);
  }
  const id = created ? room.id : await findPair(tx, room);
  const view = id === undefined ? undefined : await loadRoom(tx, room.creator.userId, id, 'full');
  return view && { room: view, created };
}

/** Throws `invalid_request_data` when one of the users is unknown or removed. */
export async function checkUsers(tx: Sql, ids: readonly number[]): Promise<void> {
  const { rows } = await tx.query<{ found: number }>(
    `SELECT count(*)::int AS found FROM "user" WHERE id = ANY ($1::int[]) AND removed_at IS NULL AND deleted_at IS NULL`,
    [ids],
  );
  if (rows[0]?.found !== ids.length) throw invalidRequest();
}

/** False when the pair has a room already; waits for another call that is just making one. */
async function insertRoom(tx: Sql, room: NewRoom): Promise<boolean> {
  const [low, high] = pairOf(room);
  const { rowCount } = await tx.query(
    `INSERT INTO room (id, name, image, description, type, encription_data, send_message, add_member, edit_group, p2p_low, p2p_high)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (p2p_low, p2p_high) WHERE type = 'p2p' AND deleted_at IS NULL DO NOTHING`,
    [
      room.id,
      room.name,
      room.photoUrl,
      room.description,
      room.type,
      room.encryptionData,
      room.sendMessage,
      room.addMember,
      room.editGroup,
      low,
      high,
    ],
  );
  return rowCount === 1;
}

/** The undeleted p2p room of a new room's pair. */
export async function findPair(tx: Sql, room: NewRoom): Promise<string | undefined> {
  const { rows } = await tx.query<{ id: string }>(
    `SELECT id FROM room WHERE p2p_low = $1 AND p2p_high = $2 AND type = 'p2p' AND deleted_at IS NULL`,
    pairOf(room),
  );
  return rows[0]?.id;
}

/** The pair of a new p2p room, lower id first; nulls for other rooms. */
export function pairOf(room: NewRoom): readonly [number | null, number | null] {
  const [partner] = room.participantIds;
  if (room.type !== 'p2p' || partner === undefined) return [null, null];
  return [Math.min(partner, room.creator.userId), Math.max(partner, room.creator.userId)];
}

async function insertMembers(tx: Sql, room: NewRoom, memberIds: readonly number[]): Promise<void> {
  await tx.query(
    `INSERT INTO room_member (room_id, user_id, role)
     SELECT $1, user_id, CASE WHEN user_id = $3::int THEN 'OWNER' ELSE 'MEMBER' END FROM unnest($2::int[]) AS user_id`,
    [room.id, memberIds, room.creator.userId],
  );
}

/** Announces a new room to its members. Everybody sees its events from the first one on, so each join carries number 0. */
export async function announceRoom(
  tx: Sql,
  room: NewRoom,
  memberIds: readonly number[],
  traceContext: string | undefined,
): Promise<void> {
  const { userId, client } = room.creator;
  const events = memberIds.map((id) => {
    const value = create(RoomJoinEventSchema, { userId: id, joinedAt: room.joinedAt, ownerUserId: userId });
    return encodeEvent(room.id, { case: 'roomJoin', value });
  });
  await tx.query(
    `INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, payload, change_id, trace_context)
     SELECT event_id, subject, $1, 0, $2, payload, (SELECT max(id) FROM scylla_change WHERE room_id = $1), $6
     FROM unnest($3::uuid[], $4::text[], $5::bytea[]) WITH ORDINALITY AS o (event_id, subject, payload, n) ORDER BY n`,
    [
      room.id,
      userId,
      events.map(({ eventId }) => eventId),
      memberIds.map(directSubject),
      events.map(({ payload }) => payload),
      traceContext ?? null,
    ],
  );
  if (!room.subscribe) return;
  const notification: Notification = { kind: 'subscribe', roomId: room.id, userIds: memberIds };
  await tx.query('INSERT INTO notification_outbox (notification, client) VALUES ($1::json, $2::json)', [
    JSON.stringify(notification),
    JSON.stringify(client),
  ]);
}
