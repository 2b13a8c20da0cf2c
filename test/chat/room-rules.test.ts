import { describe, expect, test } from 'vitest';
import {
  addMembers,
  changeRole,
  changeRoom,
  type LeaveOrder,
  removeMembers,
  toggleBlock,
  toggleMute,
} from '../../src/chat/room-rules.ts';
import type { Role, RoomFields } from '../../src/chat/types.ts';
import { expectRefusal, roomState, told } from './states.ts';

const AT = '2024-05-06T07:08:09Z';
const GROUP = { 1: 'OWNER', 2: 'ADMIN', 3: 'MEMBER', 4: 'MEMBER' } as const satisfies Record<number, Role>;

describe('LeaveRoom', () => {
  const leave = (
    actorId: number,
    userIds: readonly number[],
    roles: Readonly<Record<number, Role>> = GROUP,
    options: { readonly leaveAll?: boolean; readonly type?: string } = {},
  ): ReturnType<ReturnType<typeof removeMembers>> => {
    const order: LeaveOrder = { actorId, userIds, leaveAll: options.leaveAll ?? false, leftAt: AT };
    return removeMembers(order)(roomState(actorId, roles, { type: options.type ?? 'group' }));
  };

  test('a member leaves', () => {
    const change = leave(3, [3]);
    expect(change).toMatchObject({ remove: [3], roles: new Map(), deleteRoom: false });
    expect(told(change)).toEqual(['remove_member: +3', 'unsubscribe 3', `roomLeave 3: user left at ${AT}`]);
  });

  test('several are removed: one system message each, one event, last', () => {
    const change = leave(1, [2, 3, 1]);
    expect(change.remove).toEqual([2, 3, 1]);
    expect(told(change)).toEqual([
      'remove_member: +2',
      'remove_member: +3',
      'remove_member: +1',
      'unsubscribe 2,3,1',
      'isRoomUpdated',
      `roomLeave 2,3,1: kicked at ${AT}`,
    ]);
    expect(change.roles).toEqual(new Map([[4, 'OWNER']]));
  });

  test('a channel follows the rules of a group', () => {
    expect(told(leave(3, [3], GROUP, { type: 'channel' }))).toContain('unsubscribe 3');
    expectRefusal(() => leave(3, [4], GROUP, { type: 'channel' }), 'invalid_request_data');
  });

  test('ids that are no active members are passed over', () => {
    expect(leave(1, [77, 3]).remove).toEqual([3]);
    expectRefusal(() => leave(1, [77, 78]), 'invalid_request_data');
  });

  test.each([
    ['MEMBER', 3, [4]],
    ['MEMBER, himself among others', 3, [3, 4]],
    ['MEMBER, himself and a stranger', 3, [3, 77]],
    ['ADMIN the OWNER', 2, [1]],
    ['ADMIN the OWNER, among others', 2, [3, 1]],
  ])('%s may not remove others: user %i lists %j', (_, actor, ids) => {
    expectRefusal(() => leave(actor, ids), 'invalid_request_data');
  });

  test('an ADMIN removes members and himself, no other ADMIN', () => {
    expect(leave(2, [3, 2]).remove).toEqual([3, 2]);
    expectRefusal(() => leave(2, [5], { ...GROUP, 5: 'ADMIN' }), 'invalid_request_data');
  });

  test('an OWNER removes an OWNER', () => {
    expect(leave(1, [5], { ...GROUP, 5: 'OWNER' })).toMatchObject({ remove: [5], roles: new Map() });
  });

  test.each<[string, Readonly<Record<number, Role>>, readonly number[], number]>([
    ['the ADMIN', GROUP, [1], 2],
    ['a MEMBER without ADMINs', { 1: 'OWNER', 3: 'MEMBER', 4: 'MEMBER' }, [1], 3],
    ['the next one when the first heir leaves too', GROUP, [1, 2], 3],
  ])('the last OWNER hands over to %s', (_, roles, ids, heir) => {
    const change = leave(1, ids, roles);
    expect(change.roles).toEqual(new Map([[heir, 'OWNER']]));
    expect(told(change).at(-2)).toBe('isRoomUpdated');
  });

  test('nobody inherits while an OWNER remains', () => {
    expect(leave(1, [1], { ...GROUP, 5: 'OWNER' }).roles).toEqual(new Map());
  });

  test('the last member deletes the group', () => {
    const change = leave(1, [1], { 1: 'OWNER' });
    expect(change).toMatchObject({ remove: [1], deleteRoom: true, roles: new Map() });
    expect(told(change).at(-1)).toBe(`roomLeave 1: user left at ${AT}`);
  });

  test.each([[1], [2]])('user %i dissolves the group: no system messages', (actor) => {
    const change = leave(actor, [actor], GROUP, { leaveAll: true });
    expect(change.deleteRoom).toBe(true);
    expect(told(change)).toEqual(['unsubscribe 1,2,3,4', `roomLeave 1,2,3,4: room deleted at ${AT}`]);
  });

  test('a MEMBER may not dissolve a group', () => {
    expectRefusal(() => leave(3, [3], GROUP, { leaveAll: true }), 'invalid_request_data');
  });

  test.each([[1], [2]])('a p2p room dissolves when user %i leaves, without topics', (actor) => {
    const change = leave(actor, [actor], { 1: 'OWNER', 2: 'MEMBER' }, { type: 'p2p' });
    expect(change.deleteRoom).toBe(true);
    expect(told(change)).toEqual([`roomLeave 1,2: room deleted at ${AT}`]);
  });
});

describe('AddParticipantToRoom', () => {
  const add = (
    actor: number,
    ids: readonly number[],
    room: { readonly type?: string; readonly addMember?: boolean } = {},
    max = 100,
  ): ReturnType<ReturnType<typeof addMembers>> =>
    addMembers(ids, AT, max)(roomState(actor, GROUP, room, [5, 6]));

  test('each new member gets a message in the room, then his join', () => {
    const change = add(2, [5, 6]);
    expect(change.add).toEqual([5, 6]);
    expect(told(change)).toEqual([
      'new_member: +5',
      `join 5 at ${AT}`,
      'new_member: +6',
      `join 6 at ${AT}`,
      'subscribe 5,6',
    ]);
  });

  test('members and unknown users are passed over', () => {
    expect(add(1, [3, 77, 5])).toMatchObject({ add: [5] });
    expect(add(1, [3, 77])).toEqual({ effects: [] });
    expect(add(1, [])).toEqual({ effects: [] });
  });

  test('a MEMBER adds only when the room allows it', () => {
    expectRefusal(() => add(3, [5]), 'not_found');
    expect(add(3, [5], { addMember: true }).add).toEqual([5]);
  });

  test('a p2p room takes nobody, a channel does', () => {
    expectRefusal(() => add(1, [5], { type: 'p2p', addMember: true }), 'not_found');
    expect(add(1, [5], { type: 'channel' }).add).toEqual([5]);
  });

  test('a full group takes nobody, but those it has do not count', () => {
    expect(add(1, [3, 5], {}, 5).add).toEqual([5]);
    expectRefusal(() => add(1, [5, 6], {}, 5), 'invalid_request_data');
  });
});

describe('UpdateRoom', () => {
  const update = (
    actor: number,
    fields: RoomFields,
    room: { readonly type?: string; readonly editGroup?: boolean } = {},
  ): ReturnType<ReturnType<typeof changeRoom>> => changeRoom(fields)(roomState(actor, GROUP, room));

  test('a new name and a new photo are said after the update', () => {
    const change = update(1, { name: 'New', photoUrl: 'https://new', sendMessage: false });
    expect(change.room).toEqual({ name: 'New', photoUrl: 'https://new', sendMessage: false });
    expect(told(change)).toEqual(['isRoomUpdated', 'new_name: New', 'new_photo: https://new']);
  });

  test.each<[string, RoomFields]>([
    ['nothing', {}],
    ['the same name and photo', { name: 'Old name', photoUrl: 'https://old' }],
    ['other fields', { description: 'x', addMember: true, editGroup: true }],
  ])('%s: no system message', (_, fields) => {
    const change = update(2, fields);
    expect(change.room).toEqual(fields);
    expect(told(change)).toEqual(['isRoomUpdated']);
  });

  test('a photo may be taken away', () => {
    expect(told(update(1, { photoUrl: '' }))).toEqual(['isRoomUpdated', 'new_photo: ']);
  });

  test('a group keeps a name, a channel need not', () => {
    expectRefusal(() => update(1, { name: ' \t' }), 'invalid_request_data');
    expect(update(1, { name: '' }, { type: 'channel' }).room).toEqual({ name: '' });
  });

  test('a MEMBER edits only when the room allows it', () => {
    expectRefusal(() => update(3, { name: 'New' }), 'not_found');
    expect(update(3, { name: 'New' }, { editGroup: true }).room).toEqual({ name: 'New' });
    expectRefusal(() => update(1, { name: 'New' }, { type: 'p2p', editGroup: true }), 'not_found');
  });
});

describe('UpdateParticipantRoom', () => {
  const change = (
    actor: number,
    target: number,
    role: string,
    roles: Readonly<Record<number, Role>> = GROUP,
    type = 'group',
  ): ReturnType<ReturnType<typeof changeRole>> => changeRole(target, role)(roomState(actor, roles, { type }));

  test.each(['OWNER', 'ADMIN', 'MEMBER'] as const)('an OWNER makes a member %s', (role) => {
    expect(change(1, 3, role).roles).toEqual(new Map([[3, role]]));
    expect(told(change(1, 3, role, GROUP, 'channel'))).toEqual(['isRoomUpdated']);
  });

  test.each([2, 3])('user %i is no OWNER', (actor) => {
    expectRefusal(() => change(actor, 4, 'ADMIN'), 'not_found');
  });

  test.each(['', 'owner', 'GUEST', 'constructor', '__proto__'])('%j is no role', (role) => {
    expectRefusal(() => change(1, 3, role), 'invalid_request_data');
  });

  test.each([77, 0, -1])('user %i is no member', (target) => {
    expectRefusal(() => change(1, target, 'ADMIN'), 'invalid_request_data');
  });

  test('roles mean nothing in a p2p room', () => {
    expectRefusal(() => change(1, 2, 'OWNER', { 1: 'OWNER', 2: 'MEMBER' }, 'p2p'), 'not_found');
  });

  test('the last OWNER stays one, one of two may step down', () => {
    expectRefusal(() => change(1, 1, 'MEMBER'), 'invalid_request_data');
    expect(change(1, 1, 'OWNER').roles).toEqual(new Map([[1, 'OWNER']]));
    expect(change(1, 1, 'ADMIN', { ...GROUP, 5: 'OWNER' }).roles).toEqual(new Map([[1, 'ADMIN']]));
  });
});

describe('MuteRoom and BlockUser', () => {
  test.each([
    [false, 'group', ['unsubscribe 3', 'isRoomUpdated']],
    [true, 'group', ['subscribe 3', 'isRoomUpdated']],
    [false, 'channel', ['unsubscribe 3', 'isRoomUpdated']],
    [false, 'p2p', ['isRoomUpdated']],
  ])('muted %s in a %s room: toggles and tells', (isMuted, type, effects) => {
    const change = toggleMute(3)(roomState(3, GROUP, { isMuted, type }));
    expect(change.actor).toEqual({ isMuted: !isMuted });
    expect(told(change)).toEqual(effects);
  });

  test('the partner is blocked and unblocked in silence', () => {
    const p2p = { type: 'p2p', partner: { id: 2 } };
    const roles = { 1: 'OWNER', 2: 'MEMBER' } as const;
    expect(toggleBlock(roomState(1, roles, p2p))).toEqual({ actor: { isPartnerBlocked: true }, effects: [] });
    const blocked = roomState(1, roles, { ...p2p, isPartnerBlocked: true });
    expect(toggleBlock(blocked)).toEqual({ actor: { isPartnerBlocked: false }, effects: [] });
  });

  test('without a partner there is nobody to block', () => {
    expectRefusal(() => toggleBlock(roomState(1, GROUP)), 'not_found');
    expectRefusal(() => toggleBlock(roomState(1, { 1: 'OWNER' }, { type: 'p2p' })), 'not_found');
  });
});
