import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import type { Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { MASTER } from '../crypto/vectors.ts';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { NotificationsService } from '../support/notifications-service.ts';

const PUSH = '/services.notifications.v1.NotificationsService/SendPushNotificationEvent';
const SUBSCRIBE = '/services.notifications.v1.NotificationsService/SubscribeToTopic';
const UNSUBSCRIBE = '/services.notifications.v1.NotificationsService/UnsubscribeFromTopic';

describe('what the notifications service gets', () => {
  const outside = new NotificationsService();
  let app: TestApp;
  let ana: Awaited<ReturnType<typeof chatClient>>;
  let ben: Awaited<ReturnType<typeof chatClient>>;

  beforeAll(async () => {
    await outside.start();
    app = await startTestApp({
      env: {
        CHAT_KEY: MASTER.key,
        CHAT_IV: MASTER.iv,
        NOTIFICATIONS_URL: outside.url,
        NOTIFICATIONS_TOKEN: 'own-token',
      },
    });
    ana = await chatClient(app.url, { as: 1, headers: { 'accept-language': 'es', 'x-platform': 'android' } });
    ben = await chatClient(app.url, { as: 2 });
  });
  afterAll(async () => {
    await app?.stop();
    await outside.stop();
  });
  beforeEach(() => outside.reset());

  it('is the decrypted text of a message, for the partner', async () => {
    const room = await p2p();
    await ana.sendMessage({ roomId: room.id, content: encrypt(room, '¡Hola!') });
    await expect.poll(() => outside.calls.length).toBe(1);
    const { path, headers, body } = outside.only();
    expect(path).toBe(PUSH);
    expect(body).toEqual({
      chat_message: {
        recipients_user_id: [2],
        sender_id: 1,
        sender_display_name: 'User 1',
        room_name: 'User 2',
        room_id: room.id,
        room_type: 'p2p',
        message_content: '¡Hola!',
      },
    });
    expect(headers.authorization).toBe('Bearer own-token');
    const params = Buffer.from(String(headers['general-params-bin']), 'base64').toString();
    expect(JSON.parse(params)).toMatchObject({ Lang: 'es', Platform: 'android' });
  });

  it('is nothing for a repeated message, or a partner who muted the room', async () => {
    const room = await p2p();
    const message = { roomId: room.id, content: encrypt(room, 'once'), senderMessageId: 'same' };
    await ana.sendMessage(message);
    await ana.sendMessage(message);
    // Whether somebody muted the room is asked when a push is sent.
    await expect.poll(texts).toContain('once');
    await ben.muteRoom({ id: room.id });
    await ana.sendMessage({ roomId: room.id, content: encrypt(room, 'muted') });
    await ben.muteRoom({ id: room.id });
    await ana.sendMessage({ roomId: room.id, content: encrypt(room, 'heard') });
    // Pushes have no order.
    await expect.poll(texts).toEqual(expect.arrayContaining(['once', 'heard']));
    expect(texts().filter((text) => text === 'once')).toHaveLength(1);
  });

  it('follows the members of a group: created, muted, left', async () => {
    const { room } = await ana.createRoom({ type: 'group', name: 'Lunch', participants: [2, 3] });
    const topic = `room-${room?.id}`;
    await ben.muteRoom({ id: room?.id ?? '' });
    await ben.muteRoom({ id: room?.id ?? '' });
    await ben.leaveRoom({ id: room?.id ?? '' });
    await expect.poll(() => outside.calls.length).toBe(4);
    expect(outside.calls.map(({ path, body }) => ({ path, body }))).toEqual([
      { path: SUBSCRIBE, body: { data: { topic, user_ids: expect.arrayContaining([1, 2, 3]) } } },
      { path: UNSUBSCRIBE, body: { data: { topic, user_ids: [2] } } },
      { path: SUBSCRIBE, body: { data: { topic, user_ids: [2] } } },
      { path: UNSUBSCRIBE, body: { data: { topic, user_ids: [2] } } },
    ]);
  });

  it('never changes the answer to a call, and comes when the service is back', async () => {
    const room = await p2p();
    outside.answer = { status: 503, body: '{"code":"unavailable"}' };
    const { success } = await ana.sendMessage({ roomId: room.id, content: encrypt(room, 'patience') });
    expect(success).toBe(true);
    await expect.poll(texts).toContain('patience');
    outside.reset();
    await expect.poll(texts).toContain('patience');
    expect(JSON.stringify(app.logs)).not.toContain('patience');
  });

  async function p2p(): Promise<Room> {
    const { room } = await ana.createRoom({ type: 'p2p', participants: [2] });
    if (room === undefined) throw new Error('no room');
    return room;
  }

  function texts(): unknown[] {
    return outside.calls.map(({ body }) => Object(body).chat_message?.message_content);
  }
});

function encrypt(room: Room, text: string): string {
  return encryptMessage(text, createRoomKeys(MASTER).open(room.encryptionData));
}
