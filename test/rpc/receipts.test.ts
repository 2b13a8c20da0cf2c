import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type MessageData, MessageStatus, type Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { openWorld, type Person, RFC3339, SECONDS, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };
const NOT_FOUND = { rawMessage: 'not_found', code: 5 };

describe.skipIf(inject('postgresUrl') === '')('receipts', () => {
  let world: World;
  let ana: Person;
  let ben: Person;
  let cleo: Person;
  let stranger: Person;
  let room: Room;

  beforeAll(async () => {
    world = await openWorld();
    [ana, ben, cleo, stranger] = await world.people(4);
  });
  afterAll(() => world?.close());

  async function say(person: Person, count: number): Promise<MessageData[]> {
    const messages: MessageData[] = [];
    for (let i = 0; i < count; i++) {
      const { message } = await person.chat.sendMessage({ roomId: room.id, content: 'aGk=' });
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  const mark = async (person: Person, ...messageIds: string[]): Promise<number> =>
    (await person.chat.markMessagesAsRead({ roomId: room.id, messageIds })).markedCount;

  describe('MarkMessagesAsRead', () => {
    test('reads everything up to the newest listed one, and tells about the listed ones', async () => {
      room = await ana.group([ben, cleo]);
      const [one, two, three] = await say(ana, 3);
      await say(ben, 1);
      const listener = await cleo.listen(room.id);
      expect(await mark(ben, two?.id ?? '', one?.id ?? '', two?.id.toUpperCase() ?? '')).toBe(2);
      const events = await listener.take(2);
      expect(events.map(({ event }) => event.value)).toMatchObject([
        { messageId: two?.id, status: MessageStatus.READ, userId: ben.id, senderId: ana.id },
        { messageId: one?.id, status: MessageStatus.READ, userId: ben.id, senderId: ana.id },
      ]);
      expect(events[0]?.event.case === 'statusUpdate' && events[0].event.value.updatedAt).toMatch(SECONDS);
      expect((await ben.chat.getRoom({ id: room.id })).room).toMatchObject({
        unreadCount: 1,
        readSequence: 2,
      });
      expect((await cleo.chat.getRoom({ id: room.id })).room?.unreadCount).toBe(4);
      expect(await mark(ben, three?.id ?? '')).toBe(1);
      expect(await mark(ben, one?.id ?? '')).toBe(0);
      expect((await ben.chat.getRoom({ id: room.id })).room?.unreadCount).toBe(0);
    });

    test('own messages are ignored', async () => {
      room = await ana.group([ben]);
      const [mine] = await say(ana, 1);
      expect(await mark(ana, mine?.id ?? '')).toBe(0);
      expect((await ana.chat.getMessage({ id: mine?.id ?? '' })).status).toBe(MessageStatus.SENT);
    });

    test('every id is a message of the room, or nothing is marked', async () => {
      const elsewhere = await ana.group([ben]);
      const { message: foreign } = await ana.chat.sendMessage({ roomId: elsewhere.id });
      room = await ana.group([ben]);
      const [one, gone] = await say(ana, 2);
      await ana.chat.deleteMessage({ roomId: room.id, messageIds: [gone?.id ?? ''] });
      for (const bad of [foreign?.id ?? '', randomUUID(), gone?.id ?? '']) {
        await expect(mark(ben, one?.id ?? '', bad)).rejects.toMatchObject(NOT_FOUND);
      }
      await expect(mark(ben, one?.id ?? '', 'x')).rejects.toMatchObject(INVALID);
      await expect(mark(ben, ...Array.from({ length: 501 }, () => randomUUID()))).rejects.toMatchObject(
        INVALID,
      );
      expect((await ben.chat.getRoom({ id: room.id })).room?.unreadCount).toBe(1);
    });

    test('nothing listed: nothing happens, for members', async () => {
      room = await ana.group([ben]);
      await say(ana, 1);
      expect(await mark(ben)).toBe(0);
      expect((await ben.chat.getRoom({ id: room.id })).room?.unreadCount).toBe(1);
      await expect(mark(stranger)).rejects.toMatchObject(NOT_FOUND);
    });
  });

  describe('GetMessageRead', () => {
    test('tells the author who read it and when, earliest first', async () => {
      room = await ana.group([ben, cleo]);
      const [one, two] = await say(ana, 2);
      await mark(cleo, two?.id ?? '');
      await expect.poll(() => Date.now()).toBeGreaterThan(Date.now());
      await mark(ben, one?.id ?? '');
      const { items, meta } = await ana.chat.getMessageRead({ id: one?.id ?? '' });
      expect(items.map(({ userId, userName }) => [userId, userName])).toEqual([
        [cleo.id, cleo.name],
        [ben.id, ben.name],
      ]);
      expect(items[0]).toMatchObject({ userPhone: cleo.phone, userAvatar: cleo.avatar });
      expect(items[0]?.readAt).toMatch(RFC3339);
      expect(meta).toMatchObject({ totalItems: 2, itemCount: 2, totalPages: 1 });
      const second = await ana.chat.getMessageRead({ id: two?.id ?? '' });
      expect(second.items.map(({ userId }) => userId)).toEqual([cleo.id]);
      const page = await ana.chat.getMessageRead({ id: one?.id ?? '', page: 2, limit: 1 });
      expect(page.items.map(({ userId }) => userId)).toEqual([ben.id]);
      expect(page.meta).toMatchObject({ totalItems: 2, itemCount: 1, totalPages: 2, currentPage: 2 });
    });

    test('tells nobody else', async () => {
      room = await ana.group([ben]);
      const [message] = await say(ana, 1);
      const id = message?.id ?? '';
      for (const person of [ben, stranger]) {
        await expect(person.chat.getMessageRead({ id })).rejects.toMatchObject(NOT_FOUND);
        await expect(person.chat.getMessageReactions({ id })).rejects.toMatchObject(NOT_FOUND);
      }
      await expect(ana.chat.getMessageRead({ id: randomUUID() })).rejects.toMatchObject(NOT_FOUND);
      await expect(ana.chat.getMessageRead({ id: 'x' })).rejects.toMatchObject(INVALID);
    });
  });

  describe('GetMessageReactions', () => {
    test('tells the author who reacted, newest first', async () => {
      room = await ana.group([ben, cleo]);
      const [message] = await say(ana, 1);
      const id = message?.id ?? '';
      await ben.chat.reactToMessage({ messageId: id, reaction: '👍' });
      await ana.chat.reactToMessage({ messageId: id, reaction: '😀' });
      await cleo.chat.reactToMessage({ messageId: id, reaction: '🎉' });
      await ana.chat.reactToMessage({ messageId: id });
      const { items, meta } = await ana.chat.getMessageReactions({ id });
      expect(items.map((r) => [r.reaction, r.reactedById, r.reactedByName, r.reactedByPhone])).toEqual([
        ['🎉', String(cleo.id), cleo.name, cleo.phone],
        ['👍', String(ben.id), ben.name, ben.phone],
      ]);
      expect(meta).toMatchObject({ totalItems: 2, totalPages: 1 });
      await expect(ana.chat.getMessageReactions({ id: '' })).rejects.toMatchObject(INVALID);
    });
  });

  describe('GetSenderMessage', () => {
    test('tells the state of my message by my own id', async () => {
      room = await ana.group([ben]);
      const senderMessageId = randomUUID();
      const { message } = await ana.chat.sendMessage({ roomId: room.id, senderMessageId });
      expect(await ana.chat.getSenderMessage({ senderMessageId })).toMatchObject({
        status: MessageStatus.SENT,
      });
      await mark(ben, message?.id ?? '');
      expect(await ana.chat.getSenderMessage({ senderMessageId })).toMatchObject({
        status: MessageStatus.READ,
      });
      await expect(ben.chat.getSenderMessage({ senderMessageId })).rejects.toMatchObject(NOT_FOUND);
      await ana.chat.deleteMessage({ roomId: room.id, messageIds: [message?.id ?? ''] });
      await expect(ana.chat.getSenderMessage({ senderMessageId })).rejects.toMatchObject(NOT_FOUND);
      await expect(ana.chat.getSenderMessage({})).rejects.toMatchObject(NOT_FOUND);
    });
  });
});
