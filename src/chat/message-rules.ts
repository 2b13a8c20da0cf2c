import type { MessageData, Room } from '../gen/services/chat/v1/types_pb.ts';
import type { MessageEdit } from '../repository/rooms-repository.ts';
import { ChatError, invalidRequest, notFound } from './errors.ts';
import { canDo } from './permissions.ts';
import { SYSTEM_EVENTS } from './types.ts';

/** Refuses when the member of this view may not send, or signal typing, in the room. */
export function checkMaySend(room: Room): void {
  if (room.type !== 'p2p') {
    if (!canDo(room.role, 'send_message', room)) throw invalidRequest();
    return;
  }
  if (room.partner === undefined) throw notFound();
  if (room.isPartnerBlocked || room.partner.isPartnerBlocked) throw invalidRequest();
}

/** Refuses names of events that only the service writes. */
export function checkClientEvent(event: string | undefined): void {
  if (SYSTEM_EVENTS.some((reserved) => reserved === event)) throw invalidRequest();
}

/** Refuses a reply to anything but an undeleted message of the same room. */
export function checkReply(message: MessageData | undefined, roomId: string): void {
  if (message === undefined || message.isDeleted || message.roomId !== roomId) throw invalidRequest();
}

/** Refuses to forward anything but an undeleted message that the caller can see; answers what to store about it. */
export function checkForward(message: MessageData | undefined): { messageId: string; senderId: number } {
  if (message === undefined || message.isDeleted) throw invalidRequest();
  return { messageId: message.id, senderId: message.senderId };
}

/** Lets only the author of a visible, undeleted user message edit it. */
export function editMessage(
  userId: number,
  edit: MessageEdit,
): (current: MessageData | undefined) => MessageEdit {
  return (current) => {
    if (current === undefined || current.isDeleted || current.type === 'system_message') throw notFound();
    if (current.senderId !== userId) throw new ChatError('permission_denied');
    return edit;
  };
}

/** Lets authors delete, and those who run a group or channel; all messages or none. */
export function deleteMessages(
  userId: number,
  messageIds: readonly string[],
): (room: Room, found: ReadonlyMap<string, { readonly senderId: number }>) => void {
  return (room, found) => {
    const messages = messageIds.map((id) => found.get(id));
    if (messages.includes(undefined)) throw notFound();
    if (room.type !== 'p2p' && canDo(room.role, 'delete_any_message', room)) return;
    const foreign = messages.some((message) => message?.senderId !== userId);
    if (foreign) throw new ChatError('permission_denied');
  };
}
