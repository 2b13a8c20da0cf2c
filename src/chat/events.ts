import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  type MessageEvent,
  MessageEventSchema,
  RoomLeaveEventSchema,
  TypingEventSchema,
} from '../gen/services/chat/v1/types_pb.ts';
import type { RoomEffect } from './types.ts';

/** Why somebody is no longer in a room. */
export type LeaveReason = 'user left' | 'kicked' | 'room deleted';

/** Everybody in the room should look at it again. */
export function roomUpdated(): RoomEffect {
  return { kind: 'event', event: { case: 'isRoomUpdated', value: true } };
}

/** Users are no longer in the room. */
export function roomLeft(userIds: readonly number[], leftAt: string, reason: LeaveReason): RoomEffect {
  const value = create(RoomLeaveEventSchema, { usersId: [...userIds], leftAt, reason });
  return { kind: 'event', event: { case: 'roomLeave', value } };
}

/** A user types, or stopped. Complete: it goes straight to the other instances. */
export function typingEvent(
  roomId: string,
  userId: number,
  isTyping: boolean,
  updatedAt: string,
): MessageEvent {
  const value = create(TypingEventSchema, { userId, isTyping, updatedAt });
  return create(MessageEventSchema, { roomId, eventId: randomUUID(), event: { case: 'typing', value } });
}
