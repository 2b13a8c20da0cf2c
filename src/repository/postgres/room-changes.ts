import { notFound } from '../../chat/errors.ts';
import type { Role, RoomChange, RoomEffect, UserProfile } from '../../chat/types.ts';
import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { Actor, Decide } from '../rooms-repository.ts';
import type { CommitSignal } from './commit-signal.ts';
import type { Db, Sql } from './db.ts';
import { type LockedRoom, RoomJournal } from './room-journal.ts';
import { loadRoom } from './room-rows.ts';
import { readRoomState } from './room-state.ts';
import { retryConflicts } from './store-errors.ts';

/** What writes stand on; the signals are given after the commits that wrote such rows. */
export interface WriteDeps {
  readonly db: Db;
  readonly events: CommitSignal;
  /** Undefined: nobody sends notifications, so no job is stored. */
  readonly notifications: CommitSignal | undefined;
  /** W3C `traceparent` of what its caller is doing, stored with the events of that; undefined when nothing is traced. */
  readonly traceContext?: (() => string | undefined) | undefined;
}

/** What work in a locked room has in hand. */
export interface RoomWork {
  readonly tx: Sql;
  readonly room: LockedRoom;
  /** The actor's light view. */
  readonly view: Room;
  /** Written when the work is done. */
  readonly journal: RoomJournal;
}

/**
 * Runs work in one transaction that holds the room's lock, and what it announces with it.
 * Throws what `unseen` makes when the actor does not see the room.
 */
export async function inRoom<T>(
  deps: WriteDeps,
  actor: Actor,
  roomId: string,
  work: (room: RoomWork) => Promise<T>,
  unseen: () => Error = notFound,
): Promise<T> {
  const traceContext = deps.traceContext?.();
  const { result, announced } = await retryConflicts(
    async () =>
      await deps.db.transaction(async (tx) => {
        const room = await lockRoom(tx, roomId);
        const view = room && (await loadRoom(tx, actor.userId, roomId, 'light'));
        if (room === undefined || view === undefined) throw unseen();
        const journal = new RoomJournal(room, actor, deps.notifications !== undefined, traceContext);
        const result = await work({ tx, room, view, journal });
        return { result, announced: await journal.write(tx) };
      }),
  );
  if (announced.events) deps.events.notify();
  if (announced.notifications) deps.notifications?.notify();
  return result;
}

/** Lets a rule decide about a room on fresh state and writes what it decided. */
export async function changeRoom(
  deps: WriteDeps,
  actor: Actor,
  roomId: string,
  about: readonly number[] | 'all',
  decide: Decide,
): Promise<void> {
  await inRoom(deps, actor, roomId, async (work) => {
    const { state, actor: sender } = await readRoomState(work.tx, work.view, actor.userId, about);
    const change = decide(state);
    await writeChange(work, actor, change);
    for (const effect of change.effects) recordEffect(work.journal, effect, sender);
  });
}

/** Notes what a change tells the world; `sender` is the author of system messages. */
export function recordEffect(journal: RoomJournal, effect: RoomEffect, sender: UserProfile): void {
  switch (effect.kind) {
    case 'system_message':
      journal.systemMessage(effect.event, effect.content, sender);
      return;
    case 'event':
      journal.event(effect.event);
      return;
    case 'join':
      journal.join(effect.userId, effect.joinedAt);
      return;
    case 'notification':
      journal.notification(effect.notification);
      return;
  }
}

/** Undefined when there is no such undeleted room. */
async function lockRoom(tx: Sql, roomId: string): Promise<LockedRoom | undefined> {
  const { rows } = await tx.query<{ last_sequence: number; last_event: number }>(
    'SELECT last_sequence, last_event FROM room WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE',
    [roomId],
  );
  if (rows[0] === undefined) return undefined;
  // A statement of its own: the time is that after the lock was had, not before it was waited for.
  const clock = await tx.query<{ at: Date }>(
    `SELECT date_trunc('milliseconds', clock_timestamp()) AS at`,
    [],
  );
  return {
    id: roomId,
    lastSequence: rows[0].last_sequence,
    lastEvent: rows[0].last_event,
    at: clock.rows[0]?.at ?? new Date(),
  };
}

async function writeChange({ tx, room }: RoomWork, actor: Actor, change: RoomChange): Promise<void> {
  if (change.room !== undefined) await writeFields(tx, room, change.room);
  if (change.actor !== undefined) await writeFlags(tx, room, actor.userId, change.actor);
  if (change.deleteRoom === true) await deleteRoom(tx, room);
  else if ((change.remove ?? []).length > 0) await removeMembers(tx, room, change.remove ?? []);
  if ((change.add ?? []).length > 0) await addMembers(tx, room, change.add ?? []);
  if (change.roles !== undefined && change.roles.size > 0) await writeRoles(tx, room, change.roles);
}

async function writeFields(
  tx: Sql,
  room: LockedRoom,
  fields: NonNullable<RoomChange['room']>,
): Promise<void> {
  await tx.query(
    `UPDATE room SET name = coalesce($3, name), description = coalesce($4, description), image = coalesce($5, image),
       send_message = coalesce($6, send_message), add_member = coalesce($7, add_member),
       edit_group = coalesce($8, edit_group), updated_at = $2
     WHERE id = $1`,
    [
      room.id,
      room.at,
      fields.name ?? null,
      fields.description ?? null,
      fields.photoUrl ?? null,
      fields.sendMessage ?? null,
      fields.addMember ?? null,
      fields.editGroup ?? null,
    ],
  );
}

async function writeFlags(
  tx: Sql,
  room: LockedRoom,
  userId: number,
  flags: NonNullable<RoomChange['actor']>,
): Promise<void> {
  await tx.query(
    `UPDATE room_member SET is_pinned = coalesce($4, is_pinned), is_muted = coalesce($5, is_muted),
       is_partner_blocked = coalesce($6, is_partner_blocked), updated_at = $2
     WHERE room_id = $1 AND user_id = $3`,
    [room.id, room.at, userId, flags.isPinned ?? null, flags.isMuted ?? null, flags.isPartnerBlocked ?? null],
  );
}

async function deleteRoom(tx: Sql, room: LockedRoom): Promise<void> {
  await tx.query('UPDATE room SET deleted_at = $2, updated_at = $2 WHERE id = $1', [room.id, room.at]);
  await tx.query(
    `UPDATE room_member SET removed_at = $2, updated_at = $2
     WHERE room_id = $1 AND removed_at IS NULL AND deleted_at IS NULL`,
    [room.id, room.at],
  );
}

async function removeMembers(tx: Sql, room: LockedRoom, userIds: readonly number[]): Promise<void> {
  await tx.query(
    `UPDATE room_member SET removed_at = $2, updated_at = $2
     WHERE room_id = $1 AND user_id = ANY ($3::int[]) AND removed_at IS NULL AND deleted_at IS NULL`,
    [room.id, room.at, userIds],
  );
}

/** Who comes back starts afresh, but keeps what he had read; his positions of the join are set by the journal. */
async function addMembers(tx: Sql, room: LockedRoom, userIds: readonly number[]): Promise<void> {
  await tx.query(
    `INSERT INTO room_member (room_id, user_id, join_sequence, join_event, created_at, updated_at)
     SELECT $1, user_id, $4, $5, $2, $2 FROM unnest($3::int[]) AS user_id
     ON CONFLICT (room_id, user_id) DO UPDATE SET role = 'MEMBER', is_pinned = false, is_muted = false,
       is_partner_blocked = false, join_sequence = $4, join_event = $5, created_at = $2, updated_at = $2,
       removed_at = NULL, deleted_at = NULL
     WHERE room_member.removed_at IS NOT NULL OR room_member.deleted_at IS NOT NULL`,
    [room.id, room.at, userIds, room.lastSequence, room.lastEvent],
  );
}

async function writeRoles(tx: Sql, room: LockedRoom, roles: ReadonlyMap<number, Role>): Promise<void> {
  await tx.query(
    `UPDATE room_member SET role = r.role, updated_at = $2
     FROM unnest($3::int[], $4::text[]) AS r (user_id, role)
     WHERE room_member.room_id = $1 AND room_member.user_id = r.user_id
       AND room_member.removed_at IS NULL AND room_member.deleted_at IS NULL`,
    [room.id, room.at, [...roles.keys()], [...roles.values()]],
  );
}
