import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createMemoryCacheStore } from '../../../src/cache/memory-cache-store.ts';
import { type CachedRooms, cacheOf } from '../../support/cached-rooms.ts';
import { type LeadingScylla, openLeadingScylla } from '../../support/leading-scylla.ts';
import { RandomChat, type Step, WEIGHTS } from '../scylla/random-chat.ts';

const ALL = { page: 0, limit: 0, search: '', type: '' };
/** More often what shows in lists, and seldom happens. */
const SHOWN = {
  ...{ ...WEIGHTS, richSend: 2, react: 2, pin: 6, flags: 6, role: 6, add: 4, leave: 4, change: 3 },
  ...{ removeUser: 3, renameUser: 3 },
};

const missing = inject('cassandraContactPoint') === '' || inject('postgresUrl') === '';

describe.skipIf(missing)('cached room lists', () => {
  let store: LeadingScylla;
  beforeAll(async () => {
    store = await openLeadingScylla();
  });
  afterAll(async () => await store?.close());

  test('are those of the store, whatever happens, and also before Scylla has what is committed', async () => {
    let firstUser = 1_000;
    let hits = 0;
    const number = fc.nat({ max: 1000 });
    const kinds = Object.entries(SHOWN) as [Step['kind'], number][];
    const kind = fc.oneof(...kinds.map(([value, weight]) => ({ arbitrary: fc.constant(value), weight })));
    const step = fc.record({
      happening: fc.record<Step>({ kind, numbers: fc.tuple(number, number, number, number) }),
      /** Somebody looks before Scylla has it. */
      early: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 80, size: 'max' }), async (steps) => {
        firstUser += 1_000;
        const chat = await RandomChat.open(store.rooms, store.db, firstUser);
        const cache = createMemoryCacheStore();
        const instances = [1, 2].map(() => cacheOf(store.rooms, store.lists, cache));
        for (const { happening, early } of steps) {
          if (early) await lookBefore(chat, happening, instances);
          else await chat.do(happening);
          await compare(chat.users, instances);
        }
        for (const { counts } of instances) hits += (await counts()).hit ?? 0;
      }),
      { numRuns: 3, endOnFailure: true },
    );
    expect(hits).toBeGreaterThan(1_000);
  });

  /** Looks while what happens is committed, and its writes to Scylla are held up. */
  async function lookBefore(
    chat: RandomChat,
    happening: Step,
    instances: readonly CachedRooms[],
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    store.session.fault = () => ({ until: promise, fails: false });
    let done = false;
    const doing = chat.do(happening).finally(() => {
      done = true;
    });
    try {
      await expect.poll(async () => done || (await store.pending()) > 0, { interval: 2 }).toBe(true);
      await compare(chat.users, instances);
    } finally {
      store.session.fault = undefined;
      resolve();
      await doing;
    }
  }

  async function compare(users: readonly number[], instances: readonly CachedRooms[]): Promise<void> {
    await Promise.all(
      users.map(async (user) => {
        const wanted = await store.rooms.getRoomList(user, ALL);
        for (const { rooms } of instances) expect(await rooms.getRoomList(user, ALL)).toEqual(wanted);
      }),
    );
  }
});
