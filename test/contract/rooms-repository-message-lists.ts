import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MessageData } from '../../src/gen/services/chat/v1/types_pb.ts';
import type { HistoryQuery } from '../../src/repository/rooms-repository.ts';
import { type ReadsContext, shifted } from '../support/seeded-rooms.ts';

const ALL: HistoryQuery = { page: 0, limit: 0, messagesPerRoom: 0 };

/** Histories and synchronisation. */
export function exerciseMessageLists(context: ReadsContext): void {
  /** A room of two with that many messages by its owner, oldest first. */
  async function roomWith(
    count: number,
  ): Promise<{ owner: number; member: number; id: string; sent: MessageData[] }> {
    const { seeded } = context;
    const [owner = 0, member = 0] = await seeded.users(2);
    const { id } = await seeded.room(owner, [member]);
    const sent: MessageData[] = [];
    for (let index = 1; index <= count; index += 1)
      sent.push(await seeded.send(id, owner, { content: `${index}` }));
    return { owner, member, id, sent };
  }

  describe('a history', () => {
    it('lists whole undeleted messages, newest first', async () => {
      const { repository, seeded } = context;
      const { owner, member, id, sent } = await roomWith(4);
      await seeded.read(id, member, [sent[0]?.id ?? '']);
      await seeded.react(member, sent[1]?.id ?? '', '👍');
      await seeded.delete(id, owner, [sent[2]?.id ?? '']);
      const { items, total } = await repository.getMessageHistory(owner, id, ALL);
      expect([total, ...items.map(({ sequence }) => sequence)]).toEqual([3, 4, 2, 1]);
      const single = await Promise.all(items.map((item) => repository.getMessage(owner, item.id)));
      expect(items).toEqual(single);
    });

    it('is empty for anybody who is not an active member', async () => {
      const { repository, seeded } = context;
      const { owner, member, id } = await roomWith(1);
      const [stranger = 0] = await seeded.users(1);
      const empty = { items: [], total: 0 };
      expect(await repository.getMessageHistory(stranger, id, ALL)).toEqual(empty);
      expect(await repository.getMessageHistory(owner, randomUUID(), ALL)).toEqual(empty);
      await seeded.remove(id, owner, [member]);
      expect(await repository.getMessageHistory(member, id, ALL)).toEqual(empty);
      await seeded.dissolve(id, owner);
      expect(await repository.getMessageHistory(owner, id, ALL)).toEqual(empty);
    });

    it('pages by number, and is capped at 100 without paging', async () => {
      const { repository, seeded } = context;
      const { owner, id } = await roomWith(0);
      await Promise.all(Array.from({ length: 130 }, async () => await seeded.send(id, owner)));
      const sequences = async (query: Partial<HistoryQuery>): Promise<number[]> => {
        const { items, total } = await repository.getMessageHistory(owner, id, { ...ALL, ...query });
        expect(total).toBe(130);
        return items.map(({ sequence }) => sequence);
      };
      const all = Array.from({ length: 130 }, (_, index) => 130 - index);
      expect(await sequences({})).toEqual(all.slice(0, 100));
      expect(await sequences({ page: 1, limit: 50 })).toEqual(all.slice(0, 50));
      expect(await sequences({ page: 3, limit: 50 })).toEqual(all.slice(100));
      expect(await sequences({ page: 4_294_967_295, limit: 100 })).toEqual([]);
    });

    it('starts and ends beside the given messages, and ignores ids that it does not hold', async () => {
      const { repository, seeded } = context;
      const { owner, id, sent } = await roomWith(5);
      const elsewhere = await roomWith(1);
      const idOf = (sequence: number): string => sent[sequence - 1]?.id ?? '';
      await seeded.delete(id, owner, [idOf(3)]);
      const list = async (query: Partial<HistoryQuery>): Promise<number[]> => {
        const { items, total } = await repository.getMessageHistory(owner, id, { ...ALL, ...query });
        return [total, ...items.map(({ sequence }) => sequence)];
      };
      expect(await list({ beforeMessageId: idOf(4) })).toEqual([2, 2, 1]);
      expect(await list({ beforeMessageId: idOf(3) })).toEqual([2, 2, 1]);
      expect(await list({ afterMessageId: idOf(2) })).toEqual([2, 5, 4]);
      expect(await list({ afterMessageId: idOf(1), beforeMessageId: idOf(5) })).toEqual([2, 4, 2]);
      expect(await list({ afterMessageId: idOf(5), beforeMessageId: idOf(1) })).toEqual([0]);
      expect(await list({ beforeMessageId: idOf(5), page: 2, limit: 2 })).toEqual([3, 1]);
      for (const unknown of [randomUUID(), elsewhere.sent[0]?.id ?? '']) {
        expect(await list({ beforeMessageId: unknown })).toEqual([4, 5, 4, 2, 1]);
        expect(await list({ afterMessageId: unknown })).toEqual([4, 5, 4, 2, 1]);
      }
    });

    it('compares dates strictly with the time of the last change', async () => {
      const { repository } = context;
      const { owner, id, sent } = await roomWith(3);
      const at = sent[1]?.updatedAt ?? '';
      const list = async (query: Partial<HistoryQuery>): Promise<number[]> => {
        const { items, total } = await repository.getMessageHistory(owner, id, { ...ALL, ...query });
        return [total, ...items.map(({ sequence }) => sequence)];
      };
      expect(await list({ afterDate: at })).toEqual([1, 3]);
      expect(await list({ afterDate: shifted(at, -1) })).toEqual([2, 3, 2]);
      expect(await list({ beforeDate: at })).toEqual([1, 1]);
      expect(await list({ beforeDate: shifted(at, 1) })).toEqual([2, 2, 1]);
      expect(await list({ beforeDate: shifted(at, 1), afterDate: shifted(at, -1) })).toEqual([1, 2]);
      expect(await list({ afterDate: shifted(at, -1), beforeMessageId: sent[2]?.id ?? '' })).toEqual([1, 2]);
    });

    it('answers the newest of a room without counting when that is asked for', async () => {
      const { repository } = context;
      const { owner, id } = await roomWith(5);
      const query = { messagesPerRoom: 2, page: 2, limit: 4 };
      const { items, total } = await repository.getMessageHistory(owner, id, query);
      expect([total, ...items.map(({ sequence }) => sequence)]).toEqual([0, 5, 4]);
    });

    it('read piece by piece through before_message_id is the whole list', async () => {
      const { repository, seeded } = context;
      const { owner, id } = await roomWith(0);
      const kept: MessageData[] = [];
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(fc.constant('send' as const), fc.nat()), { maxLength: 12 }),
          fc.integer({ min: 1, max: 7 }),
          async (steps, size) => {
            for (const step of steps) {
              if (step === 'send') kept.push(await seeded.send(id, owner));
              const [gone] = step === 'send' || kept.length === 0 ? [] : kept.splice(step % kept.length, 1);
              if (gone !== undefined) await seeded.delete(id, owner, [gone.id]);
            }
            const whole = kept.map((message) => message.id).toReversed();
            expect(await readDown(size)).toEqual(whole);
            expect(await readUp(size)).toEqual(whole.toReversed());
          },
        ),
        { numRuns: 12 },
      );

      async function readDown(size: number): Promise<string[]> {
        const read: string[] = [];
        for (;;) {
          const before = read.at(-1);
          const { items, total } = await repository.getMessageHistory(owner, id, {
            ...ALL,
            page: 1,
            limit: size,
            ...(before === undefined ? {} : { beforeMessageId: before }),
          });
          expect(total).toBe(kept.length - read.length);
          if (items.length === 0) return read;
          read.push(...items.map((message) => message.id));
        }
      }

      /** After a known message, the last page of the list holds the oldest that are still to come. */
      async function readUp(size: number): Promise<string[]> {
        const read: string[] = [];
        for (;;) {
          const after = read.at(-1);
          const query = { ...ALL, limit: size, ...(after === undefined ? {} : { afterMessageId: after }) };
          const { total } = await repository.getMessageHistory(owner, id, { ...query, page: 1 });
          const page = Math.ceil(total / size);
          if (page === 0) return read;
          const { items } = await repository.getMessageHistory(owner, id, { ...query, page });
          read.push(...items.map((message) => message.id).toReversed());
        }
      }
    });
  });

  describe('messages for a synchronisation', () => {
    it('are the newest of each of the user’s rooms, active rooms first', async () => {
      const { repository, seeded } = context;
      const [user = 0, other = 0] = await seeded.users(2);
      const [quiet, busy, foreign, left] = [
        await seeded.room(user, [other]),
        await seeded.room(user, [other]),
        await seeded.room(other, await seeded.users(1)),
        await seeded.room(other, [user]),
      ];
      for (const { id } of [quiet, busy, foreign, left, busy, busy]) await seeded.send(id, other);
      await seeded.remove(left.id, other, [user]);
      const list = async (perRoom: number): Promise<unknown> => {
        const messages = await repository.getMessagesForSync(user, { perRoom });
        return messages.map(({ roomId, sequence }) => [roomId, sequence]);
      };
      const [third, second, first] = [3, 2, 1].map((sequence) => [busy.id, sequence]);
      expect(await list(2)).toEqual([third, second, [quiet.id, 1]]);
      expect(await list(0)).toEqual([third, second, first, [quiet.id, 1]]);
    });

    it('hold what was changed or deleted since, the deleted emptied', async () => {
      const { repository, seeded } = context;
      const { owner, member, id, sent } = await roomWith(5);
      const idOf = (sequence: number): string => sent[sequence - 1]?.id ?? '';
      await seeded.delete(id, owner, [idOf(1)]);
      const after = shifted(new Date().toISOString(), -1);
      await seeded.delete(id, owner, [idOf(3)]);
      await seeded.react(member, idOf(2), 'a');
      const messages = await repository.getMessagesForSync(member, { after, perRoom: 100 });
      expect(messages.map(({ sequence, content, isDeleted }) => [sequence, content, isDeleted])).toEqual([
        [3, '', true],
        [2, '2', false],
      ]);
      const everything = await repository.getMessagesForSync(member, { perRoom: 100 });
      expect(everything.map(({ sequence }) => sequence)).toEqual([5, 4, 2]);
      const [newest] = await repository.getMessagesForSync(member, { after, perRoom: 1 });
      expect(newest?.sequence).toBe(3);
    });

    it('are only those written after a time, when that is asked for', async () => {
      const { repository, seeded } = context;
      const { owner, member, id, sent } = await roomWith(3);
      await seeded.react(member, sent[0]?.id ?? '', 'a');
      const createdAfter = sent[1]?.createdAt ?? '';
      const sequences = async (query: { after?: string }): Promise<number[]> =>
        (await repository.getMessagesForSync(owner, { ...query, createdAfter, perRoom: 100 })).map(
          ({ sequence }) => sequence,
        );
      expect(await sequences({})).toEqual([3]);
      await seeded.delete(id, owner, [sent[2]?.id ?? '']);
      expect(await sequences({})).toEqual([]);
      expect(await sequences({ after: createdAfter })).toEqual([3]);
    });

    it('carry the status that their reader sees', async () => {
      const { repository, seeded } = context;
      const { owner, member, id, sent } = await roomWith(2);
      await seeded.read(id, member, [sent[0]?.id ?? '']);
      const [ofOwner, ofMember] = await Promise.all(
        [owner, member].map((user) => repository.getMessagesForSync(user, { perRoom: 100 })),
      );
      const single = await Promise.all(
        sent.toReversed().map((message) => repository.getMessage(owner, message.id)),
      );
      expect(ofOwner).toEqual(single);
      expect(ofMember?.map(({ status }) => status)).toEqual(single.map((message) => message?.status));
    });
  });
}
