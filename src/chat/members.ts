import { create } from '@bufbuild/protobuf';
import type { Caller } from '../auth/caller.ts';
import {
  type AddParticipantToRoomRequest,
  type AddParticipantToRoomResponse,
  AddParticipantToRoomResponseSchema,
  type GetRoomParticipantsRequest,
  type GetRoomParticipantsResponse,
  GetRoomParticipantsResponseSchema,
  type LeaveRoomRequest,
  type LeaveRoomResponse,
  LeaveRoomResponseSchema,
  type Room,
  type UpdateParticipantRoomRequest,
  type UpdateParticipantRoomResponse,
  UpdateParticipantRoomResponseSchema,
} from '../gen/services/chat/v1/types_pb.ts';
import type { Actor, RoomsRepository } from '../repository/rooms-repository.ts';
import { notFound } from './errors.ts';
import { type ChatLimits, MAX_ITEMS_PER_PAGE } from './limits.ts';
import { clampPaging, paginationMeta, searchText } from './paging.ts';
import { addMembers, changeRole, checkDissolve, removeMembers } from './room-rules.ts';
import { seconds } from './time.ts';
import { distinctIds, uuid } from './validation.ts';

/** Who is in a room, and as what (behaviour 1.4.4, 1.4.7, 1.4.8, 1.4.10). Refusals are ChatErrors. */
export interface MembersService {
  getRoomParticipants(
    caller: Caller,
    request: GetRoomParticipantsRequest,
  ): Promise<GetRoomParticipantsResponse>;
  leaveRoom(caller: Caller, request: LeaveRoomRequest): Promise<LeaveRoomResponse>;
  addParticipantToRoom(
    caller: Caller,
    request: AddParticipantToRoomRequest,
  ): Promise<AddParticipantToRoomResponse>;
  updateParticipantRoom(
    caller: Caller,
    request: UpdateParticipantRoomRequest,
  ): Promise<UpdateParticipantRoomResponse>;
}

/** What {@link createMembers} stands on. */
export interface MembersDeps {
  readonly rooms: RoomsRepository;
  readonly limits: ChatLimits;
}

/** The rules of membership over a repository. */
export function createMembers({ rooms, limits }: MembersDeps): MembersService {
  return {
    async getRoomParticipants(caller, request) {
      const room = await lightRoom(rooms, caller.userId, uuid(request.id));
      const paging = clampPaging(request, MAX_ITEMS_PER_PAGE);
      const search = searchText(request.search);
      const page = await rooms.getRoomParticipants(room.id, { ...paging, search });
      const meta = paginationMeta(paging, page);
      return create(GetRoomParticipantsResponseSchema, { participants: page.items, meta });
    },

    async leaveRoom(caller, request) {
      const roomId = uuid(request.id);
      const named = distinctIds(request.participants, limits.maxParticipantsPerCall);
      const userIds = named.length === 0 ? [caller.userId] : named;
      await leaveRoom(rooms, caller, roomId, { userIds, leaveAll: request.leaveAll });
      return create(LeaveRoomResponseSchema, { success: true });
    },

    async addParticipantToRoom(caller, request) {
      const roomId = uuid(request.id);
      const userIds = distinctIds(request.participants, limits.maxParticipantsPerCall);
      const decide = addMembers(userIds, seconds(new Date()), limits.maxGroupMembers);
      await rooms.addParticipantToRoom(caller, roomId, userIds, decide);
      return create(AddParticipantToRoomResponseSchema, { success: true });
    },

    async updateParticipantRoom(caller, request) {
      const roomId = uuid(request.id);
      const decide = changeRole(request.participant, request.role);
      await rooms.updateParticipantRoom(caller, roomId, request.participant, decide);
      return create(UpdateParticipantRoomResponseSchema, { success: true });
    },
  };
}

/** Makes users leave a room, or dissolves it, under the rules of LeaveRoom. `userIds` are distinct. */
export async function leaveRoom(
  rooms: RoomsRepository,
  actor: Actor,
  roomId: string,
  order: { readonly userIds: readonly number[]; readonly leaveAll: boolean },
): Promise<void> {
  // A room's type never changes, so it may be read before the lock; the state of all members is loaded only when it is needed.
  const room = await lightRoom(rooms, actor.userId, roomId);
  const leaveAll = order.leaveAll || room.type === 'p2p';
  if (leaveAll) checkDissolve(room);
  const decide = removeMembers({
    actorId: actor.userId,
    userIds: order.userIds,
    leaveAll,
    leftAt: seconds(new Date()),
  });
  await rooms.leaveRoom(actor, roomId, leaveAll ? 'all' : order.userIds, decide);
}

/** The room as the user sees it, without its costly parts; `not_found` when it is not visible to him. */
export async function lightRoom(
  rooms: Pick<RoomsRepository, 'getRoom'>,
  userId: number,
  roomId: string,
): Promise<Room> {
  const room = await rooms.getRoom(userId, roomId, 'light');
  if (room === undefined) throw notFound();
  return room;
}
