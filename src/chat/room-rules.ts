import type { Decide } from '../repository/rooms-repository.ts';
import { invalidRequest, notFound } from './errors.ts';
import { roomLeft, roomUpdated } from './events.ts';
import { asRole, canDo, canRemove } from './permissions.ts';
import type { Role, RoomChange, RoomEffect, RoomFields, RoomState } from './types.ts';
import { isBlank } from './validation.ts';

/** Mutes or unmutes; the push topic of a group or channel follows. */
export function toggleMute(userId: number): Decide {
  return ({ room }) => {
    const isMuted = !room.isMuted;
    return {
      actor: { isMuted },
      effects: [...topic(room, isMuted ? 'unsubscribe' : 'subscribe', [userId]), roomUpdated()],
    };
  };
}

/** Blocks or unblocks the partner of a p2p room. */
export function toggleBlock({ room }: RoomState): RoomChange {
  if (room.type !== 'p2p' || room.partner === undefined) throw notFound();
  return { actor: { isPartnerBlocked: !room.isPartnerBlocked }, effects: [] };
}

/** Replaces columns of a group or channel; a new name or photo is also said in the room. */
export function changeRoom(fields: RoomFields): Decide {
  return ({ room }) => {
    if (room.type === 'p2p' || !canDo(room.role, 'edit_room', room)) throw notFound();
    const { name, photoUrl } = fields;
    if (name !== undefined && room.type === 'group' && isBlank(name)) throw invalidRequest();
    const effects: RoomEffect[] = [roomUpdated()];
    if (name !== undefined && name !== room.name) {
      effects.push({ kind: 'system_message', event: 'new_name', content: name });
    }
    if (photoUrl !== undefined && photoUrl !== room.photoUrl) {
      effects.push({ kind: 'system_message', event: 'new_photo', content: photoUrl });
    }
    return { room: fields, effects };
  };
}

/** Gives an active member of a group or channel a role. One OWNER always remains. */
export function changeRole(userId: number, roleName: string): Decide {
  return ({ room, members, ownerIds }) => {
    if (room.type === 'p2p' || !canDo(room.role, 'change_role', room)) throw notFound();
    const role = asRole(roleName);
    if (role === undefined || !members.has(userId)) throw invalidRequest();
    const isLastOwner = ownerIds.length === 1 && ownerIds[0] === userId;
    if (isLastOwner && role !== 'OWNER') throw invalidRequest();
    return { roles: new Map([[userId, role]]), effects: [roomUpdated()] };
  };
}

/** Adds those of the users that exist and are not members yet; nothing happens when there are none. */
export function addMembers(userIds: readonly number[], joinedAt: string, maxGroupMembers: number): Decide {
  return ({ room, members, users, memberCount }) => {
    if (room.type === 'p2p' || !canDo(room.role, 'add_member', room)) throw notFound();
    const added = userIds.flatMap((id) => (members.has(id) ? [] : (users.get(id) ?? [])));
    if (added.length === 0) return { effects: [] };
    if (memberCount + added.length > maxGroupMembers) throw invalidRequest();
    const ids = added.map((user) => user.id);
    const welcome = added.flatMap((user): RoomEffect[] => [
      { kind: 'system_message', event: 'new_member', content: user.phone },
      { kind: 'join', userId: user.id, joinedAt },
    ]);
    return { add: ids, effects: [...welcome, ...topic(room, 'subscribe', ids)] };
  };
}

/** Who asks whom to leave. */
export interface LeaveOrder {
  readonly actorId: number;
  /** Distinct; the actor alone when nobody was named. */
  readonly userIds: readonly number[];
  /** Dissolve the room; a p2p room always is. */
  readonly leaveAll: boolean;
  readonly leftAt: string;
}

/** Removes members, or dissolves the room. A group that loses its last OWNER gets a new one, an empty one is deleted. */
export function removeMembers(order: LeaveOrder): Decide {
  return (state) => {
    const { room, members } = state;
    if (order.leaveAll || room.type === 'p2p') {
      checkDissolve(room);
      return dissolve(state, order.leftAt);
    }
    const others = order.userIds.some((id) => id !== order.actorId);
    if (others && !canDo(room.role, 'remove_member', room)) throw invalidRequest();
    const leaving = order.userIds.filter((id) => members.has(id));
    if (leaving.length === 0) throw invalidRequest();
    for (const id of leaving) {
      const role = members.get(id)?.role ?? '';
      if (id !== order.actorId && !canRemove(room.role, role, room)) throw invalidRequest();
    }
    return remove(state, leaving, order);
  };
}

/** Refuses `leave_all` to those who may not dissolve the room. */
export function checkDissolve(room: RoomState['room']): void {
  if (room.type !== 'p2p' && !canDo(room.role, 'dissolve', room)) throw invalidRequest();
}

function dissolve({ room, members }: RoomState, leftAt: string): RoomChange {
  const userIds = [...members.keys()];
  return {
    deleteRoom: true,
    effects: [...topic(room, 'unsubscribe', userIds), roomLeft(userIds, leftAt, 'room deleted')],
  };
}

function remove(state: RoomState, leaving: readonly number[], order: LeaveOrder): RoomChange {
  const gone = new Set(leaving);
  const roles = succession(state, gone);
  const reason = leaving.every((id) => id === order.actorId) ? 'user left' : 'kicked';
  const effects: RoomEffect[] = [
    ...leaving.map((id): RoomEffect => {
      const content = state.members.get(id)?.profile.phone ?? '';
      return { kind: 'system_message', event: 'remove_member', content };
    }),
    ...topic(state.room, 'unsubscribe', leaving),
    ...(roles.size > 0 ? [roomUpdated()] : []),
    roomLeft(leaving, order.leftAt, reason),
  ];
  return { remove: leaving, roles, deleteRoom: state.memberCount <= leaving.length, effects };
}

/** The new OWNER of a group whose last one leaves: the longest-standing ADMIN, else MEMBER. */
function succession(state: RoomState, gone: ReadonlySet<number>): ReadonlyMap<number, Role> {
  const heir = state.heirIds.find((id) => !gone.has(id));
  const isOrphan = state.ownerIds.every((id) => gone.has(id));
  return new Map(isOrphan && heir !== undefined ? [[heir, 'OWNER']] : []);
}

function topic(
  room: RoomState['room'],
  kind: 'subscribe' | 'unsubscribe',
  userIds: readonly number[],
): RoomEffect[] {
  if (room.type === 'p2p') return [];
  return [{ kind: 'notification', notification: { kind, roomId: room.id, userIds } }];
}
