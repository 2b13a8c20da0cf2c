import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Caller } from '../auth/caller.ts';
import type { RoomKeys } from '../crypto/room-keys.ts';
import {
  type BlockUserRequest,
  type BlockUserResponse,
  BlockUserResponseSchema,
  type CreateRoomRequest,
  type CreateRoomResponse,
  CreateRoomResponseSchema,
  type GetRoomRequest,
  type GetRoomResponse,
  GetRoomResponseSchema,
  type GetRoomsRequest,
  type GetRoomsResponse,
  GetRoomsResponseSchema,
  type MuteRoomRequest,
  type MuteRoomResponse,
  MuteRoomResponseSchema,
  type PinRoomRequest,
  type PinRoomResponse,
  PinRoomResponseSchema,
  type UpdateRoomRequest,
  type UpdateRoomResponse,
  UpdateRoomResponseSchema,
} from '../gen/services/chat/v1/types_pb.ts';
import type { NewRoom, RoomsRepository } from '../repository/rooms-repository.ts';
import { invalidRequest, notFound } from './errors.ts';
import {
  type ChatLimits,
  MAX_DESCRIPTION_CHARS,
  MAX_NAME_CHARS,
  MAX_ROOMS_PER_PAGE,
  MAX_URL_CHARS,
} from './limits.ts';
import { clampPaging, paginationMeta, searchText } from './paging.ts';
import { changeRoom, toggleBlock, toggleMute } from './room-rules.ts';
import { parseInstant, seconds } from './time.ts';
import { ROOM_TYPES, type RoomFields } from './types.ts';
import { distinctIds, isBlank, isUserId, optionalText, present, text, uuid } from './validation.ts';

/** Rooms as their members use them (behaviour 1.4.1–1.4.3, 1.4.5, 1.4.6, 1.4.9, 1.4.11). Refusals are ChatErrors. */
export interface RoomsService {
  createRoom(caller: Caller, request: CreateRoomRequest): Promise<CreateRoomResponse>;
  getRooms(caller: Caller, request: GetRoomsRequest): Promise<GetRoomsResponse>;
  getRoom(caller: Caller, request: GetRoomRequest): Promise<GetRoomResponse>;
  pinRoom(caller: Caller, request: PinRoomRequest): Promise<PinRoomResponse>;
  muteRoom(caller: Caller, request: MuteRoomRequest): Promise<MuteRoomResponse>;
  updateRoom(caller: Caller, request: UpdateRoomRequest): Promise<UpdateRoomResponse>;
  blockUser(caller: Caller, request: BlockUserRequest): Promise<BlockUserResponse>;
}

/** What {@link createRooms} stands on. */
export interface RoomsDeps {
  readonly rooms: RoomsRepository;
  readonly keys: RoomKeys;
  readonly limits: ChatLimits;
}

/** The rules of rooms over a repository. */
export function createRooms({ rooms, keys, limits }: RoomsDeps): RoomsService {
  return {
    async createRoom(caller, request) {
      const { room } = await rooms.createRoom(newRoom(caller, request, keys, limits));
      return create(CreateRoomResponseSchema, { success: true, room });
    },

    async getRooms(caller, request) {
      const paging = clampPaging(request, MAX_ROOMS_PER_PAGE);
      const page = await rooms.getRoomList(caller.userId, {
        ...paging,
        search: searchText(request.search),
        type: text(request.type, MAX_NAME_CHARS),
        ...present({ since: request.since === '' ? undefined : parseInstant(request.since) }),
      });
      return create(GetRoomsResponseSchema, { items: page.items, meta: paginationMeta(paging, page) });
    },

    async getRoom(caller, request) {
      const room = await rooms.getRoom(caller.userId, uuid(request.id), 'full');
      if (room === undefined) throw notFound();
      return create(GetRoomResponseSchema, { success: true, room });
    },

    async pinRoom(caller, request) {
      await rooms.pinRoom(caller, uuid(request.id));
      return create(PinRoomResponseSchema, { success: true });
    },

    async muteRoom(caller, request) {
      await rooms.muteRoom(caller, uuid(request.id), toggleMute(caller.userId));
      return create(MuteRoomResponseSchema, { success: true });
    },

    async updateRoom(caller, request) {
      await rooms.updateRoom(caller, uuid(request.id), changeRoom(roomFields(request)));
      return create(UpdateRoomResponseSchema, { success: true });
    },

    async blockUser(caller, request) {
      await rooms.blockUser(caller, uuid(request.id), toggleBlock);
      return create(BlockUserResponseSchema, { success: true });
    },
  };
}

function newRoom(caller: Caller, request: CreateRoomRequest, keys: RoomKeys, limits: ChatLimits): NewRoom {
  const type = ROOM_TYPES.find((known) => known === request.type);
  const named = distinctIds(request.participants, limits.maxParticipantsPerCall);
  const participantIds = named.filter((id) => id !== caller.userId);
  if (type === undefined || participantIds.length === 0 || !participantIds.every(isUserId)) {
    throw invalidRequest();
  }
  const isP2p = type === 'p2p';
  if (isP2p && participantIds.length > 1) throw invalidRequest();
  if (!isP2p && participantIds.length + 1 > limits.maxGroupMembers) throw invalidRequest();
  const { name = '', description = '', photoUrl = '', ...flags } = roomFields(request);
  if (type === 'group' && isBlank(name)) throw invalidRequest();
  return {
    id: randomUUID(),
    type,
    name,
    description,
    photoUrl,
    encryptionData: keys.create(),
    sendMessage: isP2p || (flags.sendMessage ?? true),
    addMember: !isP2p && (flags.addMember ?? false),
    editGroup: !isP2p && (flags.editGroup ?? false),
    creator: caller,
    participantIds,
    joinedAt: seconds(new Date()),
    subscribe: !isP2p,
  };
}

function roomFields(request: CreateRoomRequest | UpdateRoomRequest): RoomFields {
  return present({
    name: optionalText(request.name, MAX_NAME_CHARS),
    description: optionalText(request.description, MAX_DESCRIPTION_CHARS),
    photoUrl: optionalText(request.photoUrl, MAX_URL_CHARS),
    sendMessage: request.sendMessage,
    addMember: request.addMember,
    editGroup: request.editGroup,
  });
}
