import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { loadMessages as loadFromPostgres } from '../../../src/repository/postgres/message-rows.ts';
import { loadMessages } from '../../../src/repository/scylla/message-rows.ts';
import { everyRead } from './every-read.ts';
import { leaveGhosts, messageId, writeLargeRoom } from './large-room.ts';
import { RandomChat, type Step, WEIGHTS } from './random-chat.ts';
import { openTwoStores, type TwoStores } from './two-stores.ts';

const missing = inject('cassandraContactPoint') === '' || inject('postgresUrl') === '';

describe.skipIf(missing)('reads from Cassandra and from PostgreSQL', () => {
  let stores: TwoStores;
  beforeAll(async () => {
    stores = await openTwoStores();
  });
  afterAll(async () => await stores?.close());

  test('are equal, whatever happened in the rooms', async () => {
    let firstUser = 1000;
    const number = fc.nat({ max: 1000 });
    const kinds = Object.entries(WEIGHTS) as [Step['kind'], number][];
    const kind = fc.oneof(...kinds.map(([value, weight]) => ({ arbitrary: fc.constant(value), weight })));
    const step = fc.record<Step>({
      kind,
      numbers: fc.tuple(number, number, number, number),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 150, size: 'max' }), async (steps) => {
        firstUser += 1000;
        const chat = await RandomChat.open(stores.postgres, stores.db, firstUser);
        for (const happening of steps) await chat.do(happening);
        await stores.copy();
        await compare(chat);
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });

  test('are equal in a room of several parts, with rows that failed writes left behind', async () => {
    const large = await writeLargeRoom(stores.db);
    await stores.copy();
    await leaveGhosts(stores.reads.session, large.roomId, large.size);
    const chat = {
      users: large.users,
      rooms: [large.roomId],
      messages: large.boundaries.map((sequence) => {
        const sender = large.users[sequence % 2] ?? 0;
        return { id: messageId(sequence), roomId: large.roomId, key: `key ${sequence}`, sender };
      }),
      times: large.times,
    };
    await compare(chat);
    const [owner = 0] = large.users;
    const pages = [
      { page: 100, limit: 100 },
      { page: 101, limit: 99 },
      { page: 200, limit: 100 },
      { page: 2003, limit: 10 },
    ];
    const bounds = large.boundaries.slice(0, 4).map((sequence) => ({ beforeMessageId: messageId(sequence) }));
    const dates = large.times.flatMap((time) => [{ afterDate: time }, { beforeDate: time }]);
    for (const bound of [{}, ...bounds, ...dates]) {
      for (const paging of pages) {
        const query = { messagesPerRoom: 0, ...paging, ...bound };
        expect(await stores.scylla.getMessageHistory(owner, large.roomId, query)).toEqual(
          await stores.postgres.getMessageHistory(owner, large.roomId, query),
        );
      }
    }
  });

  async function compare(chat: Parameters<typeof everyRead>[0]): Promise<void> {
    const questions = [...everyRead(chat)];
    for (let start = 0; start < questions.length; start += 20) {
      await Promise.all(
        questions.slice(start, start + 20).map(async ({ name, ask }) => {
          const [found, wanted] = await Promise.all([ask(stores.scylla), ask(stores.postgres)]);
          expect(found, name).toEqual(wanted);
        }),
      );
    }
    const ids = chat.messages.map(({ id }) => id);
    for (const viewer of [undefined, ...chat.users]) {
      const wanted = await loadFromPostgres(stores.db, ids, viewer);
      expect(await loadMessages(stores.reads, ids, viewer)).toEqual(wanted);
    }
  }
});
