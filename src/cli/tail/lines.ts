import { toJson } from '@bufbuild/protobuf';
import {
  type MessageData,
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
} from '../../gen/services/chat/v1/types_pb.ts';
import { harmless } from '../chat/text.ts';
import type { TailRooms } from './rooms.ts';

/** The event as the API has it in JSON, on one line; with `text` where it is known what a message says. */
export async function jsonLine(event: MessageEvent, rooms: TailRooms): Promise<string> {
  const message = messageOf(event);
  const text = message === undefined ? undefined : await rooms.textOf(message);
  const value = toJson(MessageEventSchema, event);
  return JSON.stringify(text === undefined ? value : { ...Object(value), text });
}

/** The event for people, on one line: room, and what happened. */
export async function plainLine(event: MessageEvent, rooms: TailRooms, now: Date): Promise<string> {
  const time = now.toTimeString().slice(0, 8);
  const room = await rooms.nameOf(event.roomId);
  return `${time}  ${harmless(room)}  ${harmless(await happened(event, rooms))}`;
}

function messageOf({ event }: MessageEvent): MessageData | undefined {
  return event.case === 'message' || event.case === 'updateMessage' ? event.value : undefined;
}

async function happened({ event }: MessageEvent, rooms: TailRooms): Promise<string> {
  switch (event.case) {
    case 'message':
      return await said(event.value, rooms);
    case 'updateMessage':
      return `message ${event.value.id} is now ${await said(event.value, rooms)}`;
    case 'deleteMessage':
      return `message ${event.value} was deleted`;
    case 'statusUpdate': {
      const { messageId, status, userId } = event.value;
      return status === MessageStatus.READ
        ? `message ${messageId} was read by user ${userId}`
        : `message ${messageId} is stored`;
    }
    case 'roomJoin':
      return `user ${event.value.userId} was added`;
    case 'roomLeave': {
      const { usersId, reason = 'user left' } = event.value;
      return `${usersId.length === 1 ? 'user' : 'users'} ${usersId.join(', ')}: ${reason}`;
    }
    case 'isRoomUpdated':
      return 'the room was changed';
    case 'typing': {
      const { userId, isTyping } = event.value;
      return `user ${userId} ${isTyping ? 'is typing' : 'stopped typing'}`;
    }
    default:
      return event.case ?? 'something that this version does not know';
  }
}

async function said(message: MessageData, rooms: TailRooms): Promise<string> {
  const { senderName, senderId, event: name, type, reactions } = message;
  const text = await rooms.textOf(message);
  if (type === 'system_message') return `${name ?? 'system message'} ${text ?? ''}`.trimEnd();
  const reacted = reactions.length === 0 ? '' : `  ${reactions.map(({ reaction }) => reaction).join(' ')}`;
  return `${senderName === '' ? `user ${senderId}` : senderName}: ${text ?? '🔒'}${reacted}`;
}
