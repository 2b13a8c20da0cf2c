import type { ServiceImpl } from '@connectrpc/connect';
import type { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import { type RpcDeps, unary } from './deps.ts';

type RoomRoutes = Pick<
  ServiceImpl<typeof ChatService>,
  | 'createRoom'
  | 'getRooms'
  | 'getRoom'
  | 'getRoomParticipants'
  | 'pinRoom'
  | 'muteRoom'
  | 'leaveRoom'
  | 'addParticipantToRoom'
  | 'updateRoom'
  | 'updateParticipantRoom'
  | 'blockUser'
  | 'initialSync'
  | 'sendTyping'
>;

/** Rooms, their members, synchronising and typing. */
export function roomRoutes({ chat: { rooms, members, sync, typing } }: RpcDeps): RoomRoutes {
  return {
    createRoom: unary(rooms.createRoom),
    getRooms: unary(rooms.getRooms),
    getRoom: unary(rooms.getRoom),
    getRoomParticipants: unary(members.getRoomParticipants),
    pinRoom: unary(rooms.pinRoom),
    muteRoom: unary(rooms.muteRoom),
    leaveRoom: unary(members.leaveRoom),
    addParticipantToRoom: unary(members.addParticipantToRoom),
    updateRoom: unary(rooms.updateRoom),
    updateParticipantRoom: unary(members.updateParticipantRoom),
    blockUser: unary(rooms.blockUser),
    initialSync: unary(sync.initialSync),
    sendTyping: unary(typing.sendTyping),
  };
}
