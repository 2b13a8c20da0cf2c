import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type MessageData,
  MessageDataSchema,
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
  type Room,
  RoomSchema,
} from '../../../src/gen/services/chat/v1/types_pb.ts';

/** A group in which the user is a member, empty and read. */
export function roomOf(more: MessageInitShape<typeof RoomSchema>): Room {
  return create(RoomSchema, {
    type: 'group',
    name: 'Room',
    role: 'MEMBER',
    sendMessage: true,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...more,
  });
}

/** A message of user 2 that needs no key to be read. */
export function messageOf(more: MessageInitShape<typeof MessageDataSchema>): MessageData {
  return create(MessageDataSchema, {
    roomId: 'room',
    senderId: 2,
    senderName: 'Ben',
    type: 'user_message',
    status: MessageStatus.SENT,
    file: `file-${more.id}`,
    createdAt: '2026-01-02T00:00:00.000Z',
    updatedAt: '2026-01-02T00:00:00.000Z',
    ...more,
  });
}

/** What the service tells of something in the room `room`. */
export function eventOf(more: MessageInitShape<typeof MessageEventSchema>): MessageEvent {
  return create(MessageEventSchema, { roomId: 'room', ...more });
}
