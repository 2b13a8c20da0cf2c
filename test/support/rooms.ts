import { randomUUID } from 'node:crypto';
import { v1 as uuidv1 } from 'uuid';
import type { Actor, NewMessage, NewRoom } from '../../src/repository/rooms-repository.ts';

/** A caller of the repository whose client said little. */
export function actor(userId: number): Actor {
  return {
    userId,
    client: { clientId: undefined, lang: 'en', timezone: '', platform: 'unknown', clientVersion: '1.0.0' },
  };
}

/** A room of the first user with the others; a group unless `change` says otherwise. */
export function newRoom(userIds: readonly [number, ...number[]], change: Partial<NewRoom> = {}): NewRoom {
  const [creator, ...participantIds] = userIds;
  const type = change.type ?? 'group';
  return {
    id: randomUUID(),
    type,
    name: 'Group',
    description: '',
    photoUrl: '',
    encryptionData: 'key',
    sendMessage: true,
    addMember: false,
    editGroup: false,
    creator: actor(creator),
    participantIds,
    joinedAt: '2024-01-02T03:04:05Z',
    subscribe: type !== 'p2p',
    ...change,
  };
}

/** A message with nothing but text. */
export function newMessage(roomId: string, senderId: number, change: Partial<NewMessage> = {}): NewMessage {
  return {
    id: uuidv1(),
    roomId,
    sender: actor(senderId),
    content: 'text',
    lifetime: 'normal',
    origin: 'app',
    mentions: [],
    push: false,
    ...change,
  };
}
