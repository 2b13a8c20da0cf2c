import { notFound } from '../../chat/errors.ts';
import type { RoomChange } from '../../chat/types.ts';
import { recordEffect } from '../postgres/room-changes.ts';
import type { Actor, Decide } from '../rooms-repository.ts';
import type { MemberImage, OldMember } from './changes.ts';
import { readMembers } from './members.ts';
import { inScyllaRoom, type ScyllaRoomWork, type ScyllaWriteDeps } from './room-change.ts';
import { readScyllaRoomState } from './room-state.ts';
import type { ParticipantRow } from './tables.ts';

/** Lets a rule decide about a room on fresh state and writes what it decided. */
export async function changeScyllaRoom(
  deps: ScyllaWriteDeps,
  actor: Actor,
  roomId: string,
  about: readonly number[] | 'all',
  decide: Decide,
): Promise<void> {
  await inScyllaRoom(deps, actor, roomId, async (work) => {
    const state = await readScyllaRoomState({ session: deps.session, sql: work.tx }, work.view, about);
    const change = decide(state);
    const sender = work.locked.profiles.get(actor.userId) ?? {
      id: actor.userId,
      name: '',
      phone: '',
      avatar: '',
    };
    for (const effect of change.effects) recordEffect(work.journal, effect, sender);
    await writeRoom(work, change);
    await writeMembers(deps, work, actor, change);
  });
}

/** Toggles the actor's pinned flag; announces nothing. */
export async function pinScyllaRoom(deps: ScyllaWriteDeps, actor: Actor, roomId: string): Promise<void> {
  await inScyllaRoom(deps, actor, roomId, async (work) => {
    const change = { actor: { isPinned: !work.view.isPinned }, effects: [] };
    await writeMembers(deps, work, actor, change);
  });
}

/** Members of a deleted room keep their rows: whoever reads them asks the room. So dissolving costs the same for every size. */
async function writeRoom(
  { tx, locked, head, change: note }: ScyllaRoomWork,
  change: RoomChange,
): Promise<void> {
  const { room: fields, deleteRoom = false } = change;
  if (fields === undefined && !deleteRoom) return;
  const at = locked.at.toISOString();
  note({
    table: 'room',
    row: {
      id: head.id,
      updated_at: at,
      ...(fields?.name === undefined ? {} : { name: fields.name }),
      ...(fields?.description === undefined ? {} : { description: fields.description }),
      ...(fields?.photoUrl === undefined ? {} : { image: fields.photoUrl }),
      ...(fields?.sendMessage === undefined ? {} : { send_message: fields.sendMessage }),
      ...(fields?.addMember === undefined ? {} : { add_member: fields.addMember }),
      ...(fields?.editGroup === undefined ? {} : { edit_group: fields.editGroup }),
      ...(deleteRoom ? { deleted_at: at } : {}),
    },
  });
  await tx.query(
    'UPDATE room SET updated_at = $2, deleted_at = CASE WHEN $3::boolean THEN $2 ELSE deleted_at END WHERE id = $1',
    [head.id, locked.at, deleteRoom],
  );
}

async function writeMembers(
  { session }: ScyllaWriteDeps,
  work: ScyllaRoomWork,
  actor: Actor,
  change: RoomChange,
): Promise<void> {
  const { head, locked } = work;
  const { actor: flags, remove = [], add = [], roles = new Map() } = change;
  const leaving = change.deleteRoom === true ? [] : remove;
  const touched = [
    ...new Set([...(flags === undefined ? [] : [actor.userId]), ...leaving, ...add, ...roles.keys()]),
  ];
  const former = await readMembers(session, head.id, touched);
  const at = locked.at.toISOString();
  const joins = new Map(work.journal.joins.map((join) => [join.userId, join]));
  for (const userId of touched) {
    const row = former.get(userId);
    let image = row && imageOf(row);
    if (image !== undefined && flags !== undefined && userId === actor.userId) {
      image = {
        ...image,
        ...(flags.isPinned === undefined ? {} : { is_pinned: flags.isPinned }),
        ...(flags.isMuted === undefined ? {} : { is_muted: flags.isMuted }),
        ...(flags.isPartnerBlocked === undefined ? {} : { is_partner_blocked: flags.isPartnerBlocked }),
      };
    }
    if (image !== undefined && leaving.includes(userId)) image = { ...image, removed_at: at };
    if (add.includes(userId)) {
      const { sequence, event } = joins.get(userId) ?? {
        sequence: head.last_sequence,
        event: head.last_event,
      };
      image = {
        ...newMember(head.id, userId, 'MEMBER', at),
        // Who comes back keeps what he had read.
        ...(row === undefined ? { read_sequence: 0 } : {}),
        join_sequence: sequence,
        join_event: event,
      };
    }
    if (image === undefined) throw notFound();
    const role = roles.get(userId);
    if (role !== undefined) image = { ...image, role };
    work.change({
      table: 'room_member',
      row: { ...image, updated_at: at },
      ...(row === undefined ? {} : { old: oldOf(row) }),
    });
  }
}

/** A membership that begins. */
export function newMember(roomId: string, userId: number, role: string, at: string): MemberImage {
  return {
    room_id: roomId,
    user_id: userId,
    role,
    is_pinned: false,
    is_muted: false,
    is_partner_blocked: false,
    created_at: at,
    updated_at: at,
    removed_at: null,
    deleted_at: null,
  };
}

/** The membership as it is, for a change of some of it. */
export function imageOf(row: ParticipantRow): MemberImage {
  return { room_id: row.room_id, user_id: row.user_id, ...oldOf(row) };
}

/** What decides where the membership is listed now. */
export function oldOf(row: ParticipantRow): OldMember {
  return {
    role: row.role,
    created_at: row.joined_at.toISOString(),
    removed_at: row.removed_at?.toISOString() ?? null,
    deleted_at: row.deleted_at?.toISOString() ?? null,
  };
}
