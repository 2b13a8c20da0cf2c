import { create } from '@bufbuild/protobuf';
import type { Caller } from '../auth/caller.ts';
import {
  type GetUsersRequest,
  type GetUsersResponse,
  GetUsersResponseSchema,
  type RemoveUsersRequest,
  type RemoveUsersResponse,
  RemoveUsersResponseSchema,
  type UpsertUsersRequest,
  type UpsertUsersResponse,
  UpsertUsersResponseSchema,
  type User,
  UserSchema,
} from '../gen/services/users/v1/types_pb.ts';
import type { Actor, RoomsRepository } from '../repository/rooms-repository.ts';
import type { UsersRepository } from '../repository/users-repository.ts';
import { ChatError, invalidRequest } from './errors.ts';
import { MAX_NAME_CHARS, MAX_URL_CHARS, MAX_USERS_PER_CALL } from './limits.ts';
import { leaveRoom } from './members.ts';
import { distinctIds, isBlank, isUserId, optionalText, present, text } from './validation.ts';

/** Users of the host application (extensions 5); admin tokens only. Refusals are ChatErrors. */
export interface UsersService {
  upsertUsers(caller: Caller, request: UpsertUsersRequest): Promise<UpsertUsersResponse>;
  getUsers(caller: Caller, request: GetUsersRequest): Promise<GetUsersResponse>;
  removeUsers(caller: Caller, request: RemoveUsersRequest): Promise<RemoveUsersResponse>;
}

/** What {@link createUsers} stands on. */
export interface UsersDeps {
  readonly users: UsersRepository;
  readonly rooms: RoomsRepository;
}

/** The rules of user administration over the repositories. */
export function createUsers({ users, rooms }: UsersDeps): UsersService {
  return {
    async upsertUsers(caller, request) {
      requireAdmin(caller);
      const valid = readUsers(request.users);
      const upserted = valid.length === 0 ? 0 : await users.upsertUsers(valid);
      return create(UpsertUsersResponseSchema, { upserted });
    },

    async getUsers(caller, request) {
      requireAdmin(caller);
      const ids = readIds(request.ids);
      return create(GetUsersResponseSchema, { users: ids.length === 0 ? [] : await users.getUsers(ids) });
    },

    async removeUsers(caller, request) {
      requireAdmin(caller);
      const ids = readIds(request.ids);
      // Leaving comes first: after a failure in the middle the same call finds what is left to do.
      await leaveAllRooms(caller, ids);
      const removed = ids.length === 0 ? [] : await users.removeUsers(ids);
      // A room joined between the two: from now on nobody can add them again.
      await leaveAllRooms(caller, ids);
      return create(RemoveUsersResponseSchema, { removed: removed.length });
    },
  };

  async function leaveAllRooms(caller: Caller, ids: readonly number[]): Promise<void> {
    for (const userId of ids) {
      const actor = { userId, client: caller.client };
      for (const { roomId } of await rooms.getMemberships(userId)) await leaveIfMember(actor, roomId);
    }
  }

  async function leaveIfMember(actor: Actor, roomId: string): Promise<void> {
    try {
      await leaveRoom(rooms, actor, roomId, { userIds: [actor.userId], leaveAll: false });
    } catch (error) {
      // Gone in the meantime: somebody else removed him, or dissolved the room.
      if (!(error instanceof ChatError && error.reason === 'not_found')) throw error;
    }
  }
}

function requireAdmin(caller: Caller): void {
  if (!caller.isAdmin) throw new ChatError('permission_denied');
}

function readIds(ids: readonly number[]): number[] {
  return distinctIds(ids, MAX_USERS_PER_CALL).filter(isUserId);
}

/** Every user valid, and no id or phone twice: which one should win? */
function readUsers(users: readonly User[]): User[] {
  if (users.length > MAX_USERS_PER_CALL) throw invalidRequest();
  const valid = users.map(readUser);
  const ids = new Set(valid.map((user) => user.id));
  const phones = valid.flatMap((user) => user.phone ?? []);
  if (ids.size < valid.length || new Set(phones).size < phones.length) throw invalidRequest();
  return valid;
}

function readUser(user: User): User {
  if (!isUserId(user.id) || isBlank(user.name)) throw invalidRequest();
  return create(UserSchema, {
    id: user.id,
    name: text(user.name, MAX_NAME_CHARS),
    ...present({
      // Nobody shares an empty phone: it is none.
      phone: optionalText(user.phone, MAX_NAME_CHARS) || undefined,
      email: optionalText(user.email, MAX_NAME_CHARS),
      avatar: optionalText(user.avatar, MAX_URL_CHARS),
      dni: optionalText(user.dni, MAX_NAME_CHARS),
    }),
  });
}
