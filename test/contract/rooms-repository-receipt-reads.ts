import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MessageStatus } from '../../src/gen/services/chat/v1/types_pb.ts';
import { actor, type ReadsContext } from '../support/seeded-rooms.ts';

const { SENT, READ } = MessageStatus;
const UNPAGED = { page: 0, limit: 0 };

/** The status of a message, its readers and its reactions. */
export function exerciseReceiptReads(context: ReadsContext): void {
  describe('the status of a message', () => {
    it('is READ for its author when anybody else has read it, for others when they have', async () => {
      const { repository, seeded } = context;
      const [author = 0, reader = 0, other = 0] = await seeded.users(3);
      const { id: roomId } = await seeded.room(author, [reader, other]);
      const first = await seeded.send(roomId, author, { senderMessageId: `first-${author}` });
      const second = await seeded.send(roomId, author, { senderMessageId: `second-${author}` });
      const answer = await seeded.send(roomId, reader);
      const seen = async (messageId: string): Promise<unknown> => {
        const views = await Promise.all(
          [author, reader, other].map((user) => repository.getMessage(user, messageId)),
        );
        return views.map((message) => message?.status);
      };
      await seeded.read(roomId, author, [answer.id]);
      expect(await seen(first.id)).toEqual([SENT, SENT, SENT]);
      expect(await seen(answer.id)).toEqual([READ, READ, SENT]);
      await seeded.read(roomId, reader, [first.id]);
      expect(await seen(first.id)).toEqual([READ, READ, SENT]);
      expect(await seen(second.id)).toEqual([SENT, SENT, SENT]);
      expect(await repository.getSenderMessageStatus(author, `first-${author}`)).toBe(READ);
      expect(await repository.getSenderMessageStatus(author, `second-${author}`)).toBe(SENT);
      await seeded.remove(roomId, author, [reader]);
      expect((await repository.getMessage(author, first.id))?.status).toBe(READ);
    });

    it('is found by its author’s own id for it, unless deleted', async () => {
      const { repository, seeded } = context;
      const [author = 0, other = 0] = await seeded.users(2);
      const { id: roomId } = await seeded.room(author, [other]);
      const key = `key-${author}`;
      const { id } = await seeded.send(roomId, author, { senderMessageId: key });
      expect(await repository.getSenderMessageStatus(author, key)).toBe(SENT);
      expect(await repository.getSenderMessageStatus(other, key)).toBeUndefined();
      await seeded.delete(roomId, author, [id]);
      expect(await repository.getSenderMessageStatus(author, key)).toBeUndefined();
    });
  });

  describe('readers of a message', () => {
    it('are listed by the time when their position reached it, without the author', async () => {
      const { repository, seeded } = context;
      const [author = 0, quick = 0, late = 0, never = 0] = await seeded.users(4, [
        {},
        { phone: undefined, avatar: undefined },
      ]);
      const { id: roomId } = await seeded.room(author, [quick, late, never]);
      const first = await seeded.send(roomId, author);
      const second = await seeded.send(roomId, author);
      const third = await seeded.send(roomId, quick);
      await seeded.read(roomId, quick, [first.id]);
      await seeded.read(roomId, late, [second.id]);
      await seeded.read(roomId, quick, [second.id]);
      await seeded.read(roomId, late, [third.id]);
      await seeded.read(roomId, author, [third.id]);
      const readers = async (messageId: string, paging = UNPAGED): Promise<unknown> => {
        const { items, total } = await repository.getMessageRead(messageId, paging);
        return [total, ...items.map(({ userId }) => userId)];
      };
      expect(await readers(first.id)).toEqual([2, quick, late]);
      expect(await readers(second.id)).toEqual([2, late, quick]);
      expect(await readers(third.id)).toEqual([2, late, author]);
      expect(await readers(first.id, { page: 2, limit: 1 })).toEqual([2, late]);
      expect(await readers(first.id, { page: 3, limit: 1 })).toEqual([2]);
      expect(await readers(randomUUID())).toEqual([0]);
      const { items } = await repository.getMessageRead(second.id, UNPAGED);
      expect(items[0]).toMatchObject({
        userName: `User ${late}`,
        userPhone: `+${late}`,
        userAvatar: `${late}.png`,
      });
      expect(items[1]).toMatchObject({ userName: `User ${quick}`, userPhone: '', userAvatar: '' });
      expect(items[0]?.readAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(items.map(({ readAt }) => readAt)).toEqual(items.map(({ readAt }) => readAt).toSorted());
    });
  });

  describe('reactions to a message', () => {
    it('are listed newest first with their users, one per user', async () => {
      const { repository, seeded } = context;
      const [author = 0, one = 0, two = 0, three = 0] = await seeded.users(4, [
        {},
        {},
        { phone: undefined, avatar: undefined },
      ]);
      const { id: roomId } = await seeded.room(author, [one, two, three]);
      const { id } = await seeded.send(roomId, author);
      await seeded.react(one, id, 'a');
      await seeded.react(two, id, 'b');
      await seeded.react(three, id, 'c');
      await seeded.react(three, id, '');
      await seeded.react(one, id, 'd');
      const { items, total } = await repository.getMessageReactions(id, UNPAGED);
      expect(total).toBe(2);
      expect(items).toMatchObject([
        {
          reaction: 'd',
          messageId: id,
          reactedById: String(one),
          reactedByName: `User ${one}`,
          reactedByPhone: `+${one}`,
          reactedByAvatar: `${one}.png`,
        },
        { reaction: 'b', reactedById: String(two), reactedByPhone: '', reactedByAvatar: '' },
      ]);
      const second = await repository.getMessageReactions(id, { page: 2, limit: 1 });
      expect([second.total, second.items[0]?.reaction]).toEqual([2, 'b']);
      expect(await repository.getMessageReactions(randomUUID(), UNPAGED)).toEqual({ items: [], total: 0 });
    });

    it('touches the message, so that it shows in a history after a date', async () => {
      const { repository, seeded } = context;
      const [author = 0, member = 0] = await seeded.users(2);
      const { id: roomId } = await seeded.room(author, [member]);
      const { id, updatedAt } = await seeded.send(roomId, author);
      const query = { ...UNPAGED, messagesPerRoom: 0, afterDate: updatedAt };
      expect((await repository.getMessageHistory(member, roomId, query)).total).toBe(0);
      await repository.reactToMessage(actor(member), id, 'a');
      expect((await repository.getMessageHistory(member, roomId, query)).items).toMatchObject([
        { id, edited: false },
      ]);
    });
  });
}
