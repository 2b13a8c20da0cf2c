import { describe, expect, test } from 'vitest';
import { type Action, asRole, canDo, canRemove, type RoomFlags } from '../../src/chat/permissions.ts';

const CLOSED: RoomFlags = { sendMessage: false, addMember: false, editGroup: false };
const OPEN: RoomFlags = { sendMessage: true, addMember: true, editGroup: true };

/** Action; then OWNER, ADMIN, MEMBER with every flag off, MEMBER with every flag on. */
const TABLE: readonly (readonly [Action, boolean, boolean, boolean, boolean])[] = [
  ['send_message', true, true, false, true],
  ['add_member', true, true, false, true],
  ['edit_room', true, true, false, true],
  ['remove_member', true, true, false, false],
  ['dissolve', true, true, false, false],
  ['change_role', true, false, false, false],
  ['delete_any_message', true, true, false, false],
];

describe('permissions', () => {
  test.each(TABLE)('%s', (action, owner, admin, closed, open) => {
    expect(canDo('OWNER', action, CLOSED)).toBe(owner);
    expect(canDo('ADMIN', action, CLOSED)).toBe(admin);
    expect(canDo('MEMBER', action, CLOSED)).toBe(closed);
    expect(canDo('MEMBER', action, OPEN)).toBe(open);
  });

  test('each flag opens its own action only', () => {
    const opened = (flags: RoomFlags): Action[] =>
      TABLE.map(([action]) => action).filter((action) => canDo('MEMBER', action, flags));
    expect(opened({ ...CLOSED, sendMessage: true })).toEqual(['send_message']);
    expect(opened({ ...CLOSED, addMember: true })).toEqual(['add_member']);
    expect(opened({ ...CLOSED, editGroup: true })).toEqual(['edit_room']);
  });

  test.each(['', 'owner', 'SUPER', 'constructor', '__proto__', 'toString'])('%j has no rights', (role) => {
    for (const [action] of TABLE) expect(canDo(role, action, OPEN)).toBe(false);
    expect(asRole(role)).toBeUndefined();
    expect(canRemove(role, 'MEMBER', OPEN)).toBe(false);
  });

  test.each([
    ['OWNER', 'OWNER', true],
    ['OWNER', 'ADMIN', true],
    ['OWNER', 'MEMBER', true],
    ['OWNER', 'GUEST', true],
    ['ADMIN', 'OWNER', false],
    ['ADMIN', 'ADMIN', false],
    ['ADMIN', 'MEMBER', true],
    ['ADMIN', 'GUEST', false],
    ['MEMBER', 'MEMBER', false],
  ])('%s removes %s: %s', (role, target, allowed) => {
    expect(canRemove(role, target, OPEN)).toBe(allowed);
  });
});
