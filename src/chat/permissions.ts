import { ROLES, type Role } from './types.ts';

/** What a member of a group or channel may want to do there. */
export type Action =
  | 'send_message'
  | 'add_member'
  | 'edit_room'
  | 'remove_member'
  | 'dissolve'
  | 'change_role'
  | 'delete_any_message';

/** The flags of a room that open an action to every MEMBER. */
export interface RoomFlags {
  readonly sendMessage: boolean;
  readonly addMember: boolean;
  readonly editGroup: boolean;
}

type Grant = boolean | keyof RoomFlags;

/** Who may do what in a group or channel: yes, no, or when a flag of the room is set. In a p2p room roles mean nothing. */
const GRANTS: Readonly<Record<Role, Readonly<Record<Action, Grant>>>> = {
  OWNER: {
    send_message: true,
    add_member: true,
    edit_room: true,
    remove_member: true,
    dissolve: true,
    change_role: true,
    delete_any_message: true,
  },
  ADMIN: {
    send_message: true,
    add_member: true,
    edit_room: true,
    remove_member: true,
    dissolve: true,
    change_role: false,
    delete_any_message: true,
  },
  MEMBER: {
    send_message: 'sendMessage',
    add_member: 'addMember',
    edit_room: 'editGroup',
    remove_member: false,
    dissolve: false,
    change_role: false,
    delete_any_message: false,
  },
};

/** Tells whether a role may do something in a group or channel with these flags. An unknown role may do nothing. */
export function canDo(role: string, action: Action, flags: RoomFlags): boolean {
  const known = asRole(role);
  if (known === undefined) return false;
  const grant = GRANTS[known][action];
  return typeof grant === 'boolean' ? grant : flags[grant] === true;
}

/** Tells whether a member with `role` may remove another one with `targetRole`: only an OWNER removes an OWNER or ADMIN. */
export function canRemove(role: string, targetRole: string, flags: RoomFlags): boolean {
  if (!canDo(role, 'remove_member', flags)) return false;
  return asRole(targetRole) === 'MEMBER' || role === 'OWNER';
}

/** The role with that name, undefined when there is none. */
export function asRole(text: string): Role | undefined {
  return ROLES.find((role) => role === text);
}
