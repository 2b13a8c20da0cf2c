import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { createPushRenderer } from '../../src/chat/push.ts';
import { encryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import { MessageDataSchema, RoomSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import type { ChatMessagePushEvent } from '../../src/gen/services/notifications/v1/types_pb.ts';
import { MASTER } from '../crypto/vectors.ts';

const keys = createRoomKeys(MASTER);
const encryptionData = keys.create();
const content = encryptMessage('¡Hola!', keys.open(encryptionData));
const p2p = { id: 'r', type: 'p2p', name: 'Ben', encryptionData, partner: { id: 2, name: 'Ben' } };
const group = { id: 'r', type: 'group', name: 'Family', encryptionData };
const message = { id: 'm', senderId: 1, senderName: 'Ana', content };

it('names the partner of a p2p room and decrypts the text', async () => {
  expect(await render(p2p, message)).toMatchObject({
    recipientsUserId: [2],
    senderId: 1,
    senderDisplayName: 'Ana',
    roomName: 'Ben',
    roomId: 'r',
    roomType: 'p2p',
    messageContent: '¡Hola!',
  });
});

it.each(['group', 'channel'])('names nobody in a %s: its topic does', async (type) => {
  expect(await render({ ...group, type }, message)).toMatchObject({
    recipientsUserId: [],
    roomName: 'Family',
    roomType: type,
    messageContent: '¡Hola!',
  });
});

it('leaves a partner alone who muted the room', async () => {
  expect(await render({ ...p2p, partner: { id: 2, isPartnerMuted: true } }, message)).toBeUndefined();
});

it('pushes to the partner when only the sender muted the room', async () => {
  expect(await render({ ...p2p, isMuted: true }, message)).toMatchObject({ recipientsUserId: [2] });
});

it.each([
  ['without content', ''],
  ['that is no ciphertext', 'hello'],
  ['encrypted with another key', encryptMessage('¡Hola!', keys.open(keys.create()))],
])('pushes a message %s with empty text', async (_what, other) => {
  expect(await render(p2p, { ...message, content: other })).toMatchObject({ messageContent: '' });
});

it('pushes a message of a room without a key with empty text', async () => {
  expect(await render({ ...p2p, encryptionData: '' }, message)).toMatchObject({ messageContent: '' });
});

it('has nothing to push when message, room or partner is gone', async () => {
  expect(await render(p2p, { ...message, isDeleted: true })).toBeUndefined();
  expect(await render(p2p, undefined)).toBeUndefined();
  expect(await render(undefined, message)).toBeUndefined();
  expect(await render({ ...group, type: 'p2p' }, message)).toBeUndefined();
});

async function render(
  room: MessageInitShape<typeof RoomSchema> | undefined,
  data: MessageInitShape<typeof MessageDataSchema> | undefined,
): Promise<ChatMessagePushEvent | undefined> {
  const rooms = {
    getRoom: async () => (room === undefined ? undefined : create(RoomSchema, room)),
    getMessage: async () => (data === undefined ? undefined : create(MessageDataSchema, data)),
  };
  const push = createPushRenderer({ rooms, keys });
  return await push({ kind: 'push', roomId: 'r', messageId: 'm', senderId: 1 });
}
