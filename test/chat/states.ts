import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { ChatError, type Reason } from '../../src/chat/errors.ts';
import type { Role, RoomChange, RoomEffect, RoomState, UserProfile } from '../../src/chat/types.ts';
import { RoomSchema } from '../../src/gen/services/chat/v1/types_pb.ts';

export const ROOM_ID = '5f0c9a52-7d5e-4c59-9a5c-9a3f6b1f7c11';

/** Somebody with a phone that names him. */
export function profile(id: number): UserProfile {
  return { id, name: `User ${id}`, phone: `+${id}`, avatar: '' };
}

/** A room with these members, as the actor sees it; heirs stand in the order given, ADMINs first. */
export function roomState(
  actor: number,
  roles: Readonly<Record<number, Role>>,
  room: MessageInitShape<typeof RoomSchema> = {},
  users: readonly number[] = [],
): RoomState {
  const ids = Object.keys(roles).map(Number);
  const heirs = ids.filter((id) => roles[id] !== 'OWNER');
  const isAdmin = (id: number): boolean => roles[id] === 'ADMIN';
  return {
    room: create(RoomSchema, {
      id: ROOM_ID,
      type: 'group',
      name: 'Old name',
      photoUrl: 'https://old',
      sendMessage: true,
      ...room,
      role: roles[actor] ?? '',
    }),
    members: new Map(ids.map((id) => [id, { role: roles[id] ?? 'MEMBER', profile: profile(id) }])),
    users: new Map([...ids, ...users].map((id) => [id, profile(id)])),
    memberCount: ids.length,
    ownerIds: ids.filter((id) => roles[id] === 'OWNER'),
    heirIds: [...heirs.filter(isAdmin), ...heirs.filter((id) => !isAdmin(id))],
  };
}

/** What the effects say, in their order, one line each. */
export function told(change: RoomChange): string[] {
  return change.effects.map(lineOf);
}

function lineOf(effect: RoomEffect): string {
  switch (effect.kind) {
    case 'system_message':
      return `${effect.event}: ${effect.content}`;
    case 'join':
      return `join ${effect.userId} at ${effect.joinedAt}`;
    case 'notification': {
      const { notification } = effect;
      return notification.kind === 'push' ? 'push' : `${notification.kind} ${notification.userIds.join(',')}`;
    }
    case 'event': {
      const { event } = effect;
      if (event.case !== 'roomLeave') return String(event.case);
      return `roomLeave ${event.value.usersId.join(',')}: ${event.value.reason} at ${event.value.leftAt}`;
    }
  }
}

/** Expects a refusal with that reason. */
export function expectRefusal(run: () => unknown, reason: Reason): void {
  let refusal: unknown;
  try {
    run();
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(ChatError);
  expect(refusal).toMatchObject({ reason });
}
