import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { roomSubject } from '../../src/events/subjects.ts';
import { MessageStatus } from '../../src/gen/services/chat/v1/types_pb.ts';
import { actor, newMessage, newRoom } from '../support/rooms.ts';
import type { Announced, WritesWorld } from './rooms-repository-writes.ts';

/** Sending: numbers, order, idempotency and independence of neighbours, also between instances. */
export function exerciseMessageSending(world: WritesWorld): void {
  async function group(...userIds: [number, ...number[]]): Promise<string> {
    const { room } = await world.repository.createRoom(newRoom(userIds));
    await world.announced();
    return room.id;
  }

  /** 1, 2, 3 … */
  function upTo(count: number): number[] {
    return Array.from({ length: count }, (_, index) => index + 1);
  }

  function inRoom(events: readonly Announced[], roomId: string): Announced[] {
    return events.filter(({ subject }) => subject === roomSubject(roomId));
  }

  describe('saveMessage', () => {
    test('answers what reading the message back answers, with every field', async () => {
      const roomId = await group(1, 2, 3);
      const { message: first } = await world.repository.saveMessage(
        newMessage(roomId, 2, { content: 'first' }),
      );
      const drafts = [
        newMessage(roomId, 3, { content: '' }),
        newMessage(roomId, 1, {
          content: 'ciphertext',
          contentDecrypted: 'clear',
          lifetime: '1d',
          origin: 'web',
          locationName: 'Here',
          locationLatitude: 1.25,
          locationLongitude: -0.5,
          contactName: 'Two',
          contactPhone: '+2',
          file: 'https://files/1',
          event: 'custom',
          senderMessageId: randomUUID(),
        }),
        newMessage(roomId, 1, { contactPhone: '+unknown' }),
        newMessage(roomId, 1, {
          replyId: first.id,
          forward: { messageId: first.id, senderId: 2 },
          mentions: [
            { userId: 3, tag: '@three' },
            { userId: 2, tag: '@two' },
          ],
        }),
      ];
      for (const draft of drafts) {
        const { message, stored } = await world.repository.saveMessage(draft);
        expect(stored).toBe(true);
        expect(message).toEqual(await world.repository.getMessage(draft.sender.userId, draft.id));
        expect(message).toMatchObject({ id: draft.id, content: draft.content, status: MessageStatus.SENT });
      }
      const read = await world.repository.getMessage(2, drafts[1]?.id ?? '');
      expect(read).toMatchObject({
        contactId: '2',
        locationLatitude: 1.25,
        sequence: 3,
        type: 'user_message',
      });
      const rich = await world.repository.getMessage(2, drafts[3]?.id ?? '');
      expect(rich?.mentions.map(({ id, tag }) => [id, tag]).sort()).toEqual([
        ['2', '@two'],
        ['3', '@three'],
      ]);
      expect(rich).toMatchObject({ reply: { id: first.id }, forwardedMessageSenderName: 'User 2' });
    });

    test('announces SENT, then the message, and a push when asked', async () => {
      const roomId = await group(1, 2);
      const draft = newMessage(roomId, 1, { push: true });
      await world.notified();
      const { message } = await world.repository.saveMessage(draft);
      await world.repository.saveMessage(newMessage(roomId, 2));
      const events = await world.announced();
      expect(events.map(({ number, userId, event }) => [number, userId, event.case])).toEqual([
        [1, 1, 'statusUpdate'],
        [2, 1, 'message'],
        [3, 2, 'statusUpdate'],
        [4, 2, 'message'],
      ]);
      expect(events[0]?.event).toMatchObject({
        value: {
          messageId: draft.id,
          status: MessageStatus.SENT,
          userId: 1,
          senderId: 1,
          updatedAt: message.updatedAt,
        },
      });
      expect(events[1]?.event).toEqual({ case: 'message', value: message });
      expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(4);
      expect((await world.notified()).map(({ notification }) => notification)).toEqual([
        { kind: 'push', roomId, messageId: draft.id, senderId: 1 },
      ]);
    });

    test('moves the room and the counts of the others', async () => {
      const roomId = await group(1, 2);
      const { message } = await world.repository.saveMessage(newMessage(roomId, 1));
      expect(await world.repository.getRoom(2, roomId, 'full')).toMatchObject({
        unreadCount: 1,
        lastSequence: 1,
        lastMessageAt: message.createdAt,
      });
      expect(await world.repository.getRoom(1, roomId, 'full')).toMatchObject({ unreadCount: 0 });
    });

    test.each([1, 5])(
      'numbers 200 concurrent sends of two instances into %i rooms without gaps',
      async (count) => {
        const rooms = await Promise.all(upTo(count).map(async () => await group(1, 2, 3)));
        await world.announced();
        const saved = await Promise.all(
          upTo(200).map(async (index) => {
            const instance = index % 2 === 0 ? world.repository : world.another;
            const roomId = rooms[index % count] ?? '';
            return (await instance.saveMessage(newMessage(roomId, (index % 3) + 1))).message;
          }),
        );
        const events = await world.announced();
        for (const roomId of rooms) {
          const messages = saved.filter((message) => message.roomId === roomId);
          messages.sort((a, b) => a.sequence - b.sequence);
          expect(messages.map(({ sequence }) => sequence)).toEqual(upTo(200 / count));
          const times = messages.map(({ createdAt }) => createdAt);
          expect(times).toEqual(times.toSorted());
          const heard = inRoom(events, roomId);
          expect(heard.map(({ number }) => number)).toEqual(upTo((200 / count) * 2));
          const sequences = heard.flatMap(({ event }) =>
            event.case === 'message' ? [event.value.sequence] : [],
          );
          expect(sequences).toEqual(upTo(200 / count));
        }
      },
    );

    test('keeps the order in which one caller sends', async () => {
      const roomId = await group(1, 2);
      const saved = await Promise.all(
        upTo(60).map(() => world.repository.saveMessage(newMessage(roomId, 1))),
      );
      expect(saved.map(({ message }) => message.sequence)).toEqual(upTo(60));
    });

    test('lets the sends of strangers fail alone', async () => {
      const roomId = await group(1, 2);
      const gone = await group(1, 2);
      await world.repository.leaveRoom(actor(1), gone, 'all', () => ({ deleteRoom: true, effects: [] }));
      const answers = await Promise.allSettled(
        upTo(30).map((index) => {
          if (index % 5 === 1) return world.repository.saveMessage(newMessage(randomUUID(), 1));
          if (index % 5 === 2) return world.repository.saveMessage(newMessage(roomId, 7));
          if (index % 5 === 3) return world.repository.saveMessage(newMessage(gone, 1));
          return world.repository.saveMessage(newMessage(roomId, 1));
        }),
      );
      const sequences = answers.flatMap((answer) =>
        answer.status === 'fulfilled' ? [answer.value.message.sequence] : [],
      );
      expect(sequences).toEqual(upTo(12));
      const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      expect(refusals).toHaveLength(18);
      for (const refusal of refusals) expect(refusal).toMatchObject({ reason: 'not_found' });
      expect(inRoom(await world.announced(), roomId).map(({ number }) => number)).toEqual(upTo(24));
    });
  });

  describe('sender_message_id', () => {
    test('stores one message, however often, wherever and into whichever room it is sent', async () => {
      const rooms = [await group(1, 2), await group(1, 3)];
      const senderMessageId = randomUUID();
      const answers = await Promise.all(
        upTo(60).map((index) => {
          const instance = index % 2 === 0 ? world.repository : world.another;
          const change = { senderMessageId, content: `try ${index}` };
          return instance.saveMessage(newMessage(rooms[index % 3 === 0 ? 1 : 0] ?? '', 1, change));
        }),
      );
      expect(answers.filter(({ stored }) => stored)).toHaveLength(1);
      const [first] = answers.filter(({ stored }) => stored);
      for (const { message } of answers) expect(message).toEqual(first?.message);
      expect(await world.announced()).toHaveLength(2);
      const lastSequences = await Promise.all(
        rooms.map(async (roomId) => (await world.repository.getRoom(1, roomId, 'full'))?.lastSequence),
      );
      expect(lastSequences.toSorted()).toEqual([0, 1]);
    });

    test('belongs to its sender', async () => {
      const roomId = await group(1, 2);
      const senderMessageId = randomUUID();
      const answers = await Promise.all(
        [1, 2].map((userId) => world.repository.saveMessage(newMessage(roomId, userId, { senderMessageId }))),
      );
      expect(answers.map(({ stored }) => stored)).toEqual([true, true]);
    });

    test('answers the message as it is now, emptied when it was deleted', async () => {
      const roomId = await group(1, 2);
      const draft = newMessage(roomId, 1, { senderMessageId: randomUUID() });
      await world.repository.saveMessage(draft);
      const repeat = { ...draft, id: newMessage(roomId, 1).id, content: 'other' };
      const again = await world.another.saveMessage(repeat);
      expect(again).toMatchObject({ stored: false, message: { id: draft.id, content: 'text' } });
      await world.repository.deleteMessages(actor(1), roomId, [draft.id], () => undefined);
      const deleted = await world.repository.saveMessage(repeat);
      expect(deleted).toMatchObject({
        stored: false,
        message: { id: draft.id, isDeleted: true, content: '' },
      });
    });
  });
}
