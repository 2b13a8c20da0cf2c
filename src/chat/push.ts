import { create } from '@bufbuild/protobuf';
import { decryptMessage } from '../crypto/message-cipher.ts';
import type { RoomKeys } from '../crypto/room-keys.ts';
import type { MessageData, Room } from '../gen/services/chat/v1/types_pb.ts';
import {
  type ChatMessagePushEvent,
  ChatMessagePushEventSchema,
} from '../gen/services/notifications/v1/types_pb.ts';
import type { Notification } from '../notifications/notifications.ts';
import type { RoomsRepository } from '../repository/rooms-repository.ts';

/** A push as it is stored: it only names its message. */
type StoredPush = Extract<Notification, { readonly kind: 'push' }>;

/**
 * Turns a stored push into what devices get: the room and the message as they are now, as the sender sees them, the text decrypted now.
 * A text that can't be decrypted is empty. Undefined when there is nothing left to push: the message or the room is gone for its sender,
 * or the partner of a p2p room muted it. Rejects when the store fails.
 */
export function createPushRenderer(deps: {
  readonly rooms: Pick<RoomsRepository, 'getMessage' | 'getRoom'>;
  readonly keys: RoomKeys;
}): (push: StoredPush) => Promise<ChatMessagePushEvent | undefined> {
  const { rooms, keys } = deps;
  return async ({ roomId, messageId, senderId }) => {
    const [message, room] = await Promise.all([
      rooms.getMessage(senderId, messageId),
      rooms.getRoom(senderId, roomId, 'light'),
    ]);
    if (message === undefined || message.isDeleted || room === undefined) return undefined;
    const recipients = recipientsOf(room);
    if (recipients === undefined) return undefined;
    return create(ChatMessagePushEventSchema, {
      recipientsUserId: recipients,
      senderId,
      senderDisplayName: message.senderName,
      roomName: room.name,
      roomId,
      roomType: room.type,
      messageContent: clearText(message, room, keys),
    });
  };
}

/** The partner, or nobody by name (the topic's subscribers); undefined when nobody is to be disturbed. */
function recipientsOf(room: Room): number[] | undefined {
  if (room.type !== 'p2p') return [];
  if (room.partner === undefined || room.partner.isPartnerMuted) return undefined;
  return [room.partner.id];
}

function clearText(message: MessageData, room: Room, keys: RoomKeys): string {
  if (message.content === '') return '';
  try {
    return decryptMessage(message.content, keys.open(room.encryptionData));
  } catch {
    // Clients may encrypt with keys of their own: devices then show the sender without the text.
    return '';
  }
}
