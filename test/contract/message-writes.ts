import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ChatError } from '../../src/chat/errors.ts';
import { addMembers, changeRoom, removeMembers } from '../../src/chat/room-rules.ts';
import { roomSubject } from '../../src/events/subjects.ts';
import { type MessageData, MessageStatus } from '../../src/gen/services/chat/v1/types_pb.ts';
import { actor, newMessage, newRoom } from '../support/rooms.ts';
import type { WritesWorld } from './rooms-repository-writes.ts';

const READ_AT = '2024-03-04T05:06:07Z';

/** Changes of stored messages: edits, deletions, reactions and reading. */
export function exerciseMessageWrites(world: WritesWorld): void {
  async function group(...userIds: [number, ...number[]]): Promise<string> {
    return (await world.repository.createRoom(newRoom(userIds))).room.id;
  }

  async function send(roomId: string, senderId: number, count = 1): Promise<MessageData[]> {
    const drafts = Array.from({ length: count }, () => newMessage(roomId, senderId));
    const saved = await Promise.all(drafts.map((draft) => world.repository.saveMessage(draft)));
    await world.announced();
    return saved.map(({ message }) => message);
  }

  const refuse = (): never => {
    throw new ChatError('permission_denied');
  };

  describe('updateMessage', () => {
    test('replaces the content and announces the whole message', async () => {
      const roomId = await group(1, 2);
      const [message] = await send(roomId, 1);
      const id = message?.id ?? '';
      const updated = await world.repository.updateMessage(actor(1), id, (current) => {
        expect(current).toEqual(message);
        return { content: 'better' };
      });
      expect(updated).toMatchObject({
        id,
        content: 'better',
        edited: true,
        sequence: 1,
        status: MessageStatus.SENT,
      });
      expect(updated.updatedAt >= updated.createdAt).toBe(true);
      expect(await world.repository.getMessage(1, id)).toEqual(updated);
      expect(await world.announced()).toMatchObject([
        {
          subject: roomSubject(roomId),
          number: 3,
          userId: 1,
          event: { case: 'updateMessage', value: updated },
        },
      ]);
    });

    test('is decided by the rule, which does not see what the actor may not see', async () => {
      const roomId = await group(1, 2);
      const [message, deleted] = await send(roomId, 1, 2);
      await world.repository.deleteMessages(actor(1), roomId, [deleted?.id ?? ''], () => undefined);
      await world.announced();
      await expect(world.repository.updateMessage(actor(2), message?.id ?? '', refuse)).rejects.toMatchObject(
        {
          reason: 'permission_denied',
        },
      );
      for (const [userId, id] of [
        [7, message?.id],
        [1, deleted?.id],
        [1, newMessage(roomId, 1).id],
      ] as const) {
        const asked: unknown[] = [];
        const attempt = world.repository.updateMessage(actor(userId), id ?? '', (current) => {
          asked.push(current);
          throw new ChatError('not_found');
        });
        await expect(attempt).rejects.toMatchObject({ reason: 'not_found' });
        expect(asked).toEqual([undefined]);
      }
      expect(await world.repository.getMessage(1, message?.id ?? '')).toEqual(message);
      expect(await world.announced()).toEqual([]);
    });
  });

  describe('deleteMessages', () => {
    test('empties them and announces each in the given order', async () => {
      const roomId = await group(1, 2);
      const [first, second, third] = await send(roomId, 1, 3);
      const ids = [third?.id ?? '', second?.id ?? ''];
      await world.repository.deleteMessages(actor(1), roomId, ids, (room, found) => {
        expect(room).toMatchObject({ id: roomId, role: 'OWNER' });
        expect([...found].map(([id, { senderId }]) => [id, senderId]).toSorted()).toEqual(
          ids.map((id) => [id, 1]).toSorted(),
        );
      });
      expect((await world.announced()).map(({ number, event }) => [number, event])).toEqual([
        [7, { case: 'deleteMessage', value: ids[0] }],
        [8, { case: 'deleteMessage', value: ids[1] }],
      ]);
      expect(await world.repository.getMessage(2, ids[0] ?? '')).toMatchObject({
        isDeleted: true,
        content: '',
      });
      expect(await world.repository.getRoom(2, roomId, 'full')).toMatchObject({
        unreadCount: 1,
        lastSequence: 3,
        lastMessage: { id: first?.id },
      });
    });

    test('deletes all or none', async () => {
      const roomId = await group(1, 2);
      const elsewhere = await group(1, 2);
      const [message] = await send(roomId, 1);
      const [other] = await send(elsewhere, 1);
      for (const bad of [other?.id ?? '', randomUUID()]) {
        const ids = [message?.id ?? '', bad];
        const attempt = world.repository.deleteMessages(actor(1), roomId, ids, (_, found) => {
          expect(found.size).toBe(1);
        });
        await expect(attempt).rejects.toMatchObject({ reason: 'not_found' });
      }
      await expect(
        world.repository.deleteMessages(actor(2), roomId, [message?.id ?? ''], refuse),
      ).rejects.toMatchObject({ reason: 'permission_denied' });
      expect(await world.repository.getMessage(1, message?.id ?? '')).toEqual(message);
      expect(await world.announced()).toEqual([]);
    });
  });

  describe('reactToMessage', () => {
    test('sets, replaces and removes one reaction per user, and announces each change', async () => {
      const roomId = await group(1, 2, 3);
      const [message] = await send(roomId, 1);
      const id = message?.id ?? '';
      const reactions = async (): Promise<string[]> =>
        ((await world.repository.getMessage(1, id))?.reactions ?? []).map(
          ({ reactedById, reaction }) => `${reactedById}${reaction}`,
        );
      await world.repository.reactToMessage(actor(2), id, '');
      expect(await world.announced()).toEqual([]);
      await world.repository.reactToMessage(actor(2), id, '👍');
      await world.repository.reactToMessage(actor(3), id, '🎉');
      await world.repository.reactToMessage(actor(2), id, '👎');
      expect((await reactions()).toSorted()).toEqual(['2👎', '3🎉']);
      await world.repository.reactToMessage(actor(2), id, '');
      expect(await reactions()).toEqual(['3🎉']);
      const events = await world.announced();
      expect(events.map(({ number, event }) => [number, event.case])).toEqual([
        [3, 'updateMessage'],
        [4, 'updateMessage'],
        [5, 'updateMessage'],
        [6, 'updateMessage'],
      ]);
      const last = events[3]?.event;
      expect(last?.value).toMatchObject({ id, edited: false, reactions: [{ reaction: '🎉' }] });
      const touched = (await world.repository.getMessage(1, id))?.updatedAt ?? '';
      expect(touched >= (message?.updatedAt ?? '')).toBe(true);
    });

    test('is not for strangers nor deleted messages', async () => {
      const roomId = await group(1, 2);
      const [message, deleted] = await send(roomId, 1, 2);
      await world.repository.deleteMessages(actor(1), roomId, [deleted?.id ?? ''], () => undefined);
      for (const [userId, id] of [
        [7, message?.id],
        [2, deleted?.id],
        [2, newMessage(roomId, 1).id],
      ] as const) {
        const attempt = world.repository.reactToMessage(actor(userId), id ?? '', '👍');
        await expect(attempt).rejects.toMatchObject({ reason: 'not_found' });
      }
    });

    test('leaves one reaction when the same user reacts many times at once', async () => {
      const roomId = await group(1, 2);
      const [message] = await send(roomId, 1);
      const id = message?.id ?? '';
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 === 0 ? world.repository : world.another).reactToMessage(actor(2), id, `r${index}`),
        ),
      );
      expect((await world.repository.getMessage(1, id))?.reactions).toHaveLength(1);
    });
  });

  describe('markMessagesAsRead', () => {
    const mark = (roomId: string, userId: number, messages: (MessageData | undefined)[]): Promise<number> =>
      world.repository.markMessagesAsRead(
        actor(userId),
        roomId,
        messages.map((message) => message?.id ?? ''),
        READ_AT,
      );

    test('moves to the highest listed message, never back, and counts what became read', async () => {
      const roomId = await group(1, 2, 3);
      const messages = await send(roomId, 1, 3);
      const [own] = await send(roomId, 2);
      const [last] = await send(roomId, 3);
      expect(await mark(roomId, 2, [messages[2], messages[0]])).toBe(3);
      const events = await world.announced();
      expect(events.map(({ number, userId, event }) => [number, userId, event.case])).toEqual([
        [11, 2, 'statusUpdate'],
        [12, 2, 'statusUpdate'],
      ]);
      expect(events[0]?.event.value).toMatchObject({
        messageId: messages[2]?.id,
        status: MessageStatus.READ,
        updatedAt: READ_AT,
        userId: 2,
        senderId: 1,
      });
      expect(await world.repository.getRoom(2, roomId, 'full')).toMatchObject({
        unreadCount: 1,
        readSequence: 3,
      });
      expect(await mark(roomId, 2, [messages[1]])).toBe(0);
      expect(await world.repository.getRoom(2, roomId, 'light')).toMatchObject({ readSequence: 3 });
      expect(await mark(roomId, 2, [own, last])).toBe(1);
      expect((await world.announced()).map(({ event }) => event.value)).toMatchObject([
        { messageId: messages[1]?.id },
        { messageId: last?.id },
      ]);
      expect((await world.repository.getMessage(1, messages[1]?.id ?? ''))?.status).toBe(MessageStatus.READ);
      const readers = await world.repository.getMessageRead(messages[1]?.id ?? '', { page: 0, limit: 0 });
      expect(readers.items.map(({ userId }) => userId)).toEqual([2]);
    });

    test('ignores own messages', async () => {
      const roomId = await group(1, 2);
      const messages = await send(roomId, 1, 2);
      expect(await mark(roomId, 1, messages)).toBe(0);
      expect(await world.repository.getRoom(1, roomId, 'light')).toMatchObject({ readSequence: 0 });
      expect(await world.announced()).toEqual([]);
    });

    test('writes nothing when one id is not an undeleted message of the room', async () => {
      const roomId = await group(1, 2);
      const [message, deleted] = await send(roomId, 1, 2);
      const [elsewhere] = await send(await group(1, 2), 1);
      await world.repository.deleteMessages(actor(1), roomId, [deleted?.id ?? ''], () => undefined);
      await world.announced();
      for (const bad of [deleted, elsewhere, undefined]) {
        const ids = [message?.id ?? '', bad?.id ?? randomUUID()];
        const attempt = world.repository.markMessagesAsRead(actor(2), roomId, ids, READ_AT);
        await expect(attempt).rejects.toMatchObject({ reason: 'not_found' });
      }
      expect(await world.repository.getRoom(2, roomId, 'full')).toMatchObject({
        unreadCount: 1,
        readSequence: 0,
      });
      expect(await world.announced()).toEqual([]);
    });

    test('is not for those who left', async () => {
      const roomId = await group(1, 2);
      const messages = await send(roomId, 1);
      const order = { actorId: 2, userIds: [2], leaveAll: false, leftAt: READ_AT };
      await world.repository.leaveRoom(actor(2), roomId, [2], removeMembers(order));
      await expect(mark(roomId, 2, messages)).rejects.toMatchObject({ reason: 'not_found' });
    });
  });

  test('whatever happens at once in a room, its events are numbered 1, 2, 3 …', async () => {
    const roomId = await group(1, 2, 3);
    const messages = await send(roomId, 1, 10);
    const works = Array.from({ length: 60 }, (_, index) => {
      const repository = index % 2 === 0 ? world.repository : world.another;
      const id = messages[index % 10]?.id ?? '';
      switch (index % 6) {
        case 0:
          return repository.reactToMessage(actor(2), id, `r${index}`);
        case 1:
          return repository.markMessagesAsRead(actor(3), roomId, [id], READ_AT);
        case 2:
          return repository.updateMessage(actor(1), id, () => ({ content: `edit ${index}` }));
        case 3:
          return repository.updateRoom(actor(1), roomId, changeRoom({ name: `Name ${index}` }));
        case 4:
          return repository.addParticipantToRoom(actor(1), roomId, [4], addMembers([4], READ_AT, 100));
        default:
          return repository.saveMessage(newMessage(roomId, 2));
      }
    });
    await Promise.all(works);
    const events = (await world.announced()).filter(({ subject }) => subject === roomSubject(roomId));
    expect(events.length).toBeGreaterThan(60);
    expect(events.map(({ number }) => number)).toEqual(events.map((_, index) => 21 + index));
    const sequences = events.flatMap(({ event }) => (event.case === 'message' ? [event.value.sequence] : []));
    expect(sequences).toEqual(sequences.map((_, index) => 11 + index));
    expect((await world.repository.getRoom(1, roomId, 'full'))?.lastSequence).toBe(10 + sequences.length);
  });
}
