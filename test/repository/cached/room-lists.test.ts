import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { CacheStore } from '../../../src/cache/cache-store.ts';
import { createMemoryCacheStore } from '../../../src/cache/memory-cache-store.ts';
import type { Room } from '../../../src/gen/services/chat/v1/types_pb.ts';
import type { Sql } from '../../../src/repository/postgres/db.ts';
import type { RoomsRepository } from '../../../src/repository/rooms-repository.ts';
import { listRooms } from '../../../src/repository/scylla/room-list.ts';
import { type CachedRooms, cacheOf } from '../../support/cached-rooms.ts';
import { type LeadingScylla, openLeadingScylla } from '../../support/leading-scylla.ts';
import { actor, SeededRooms } from '../../support/seeded-rooms.ts';
import { insertUsers } from '../../support/users.ts';

const ALL = { page: 0, limit: 0, search: '', type: '' };

const missing = inject('cassandraContactPoint') === '' || inject('postgresUrl') === '';

describe.skipIf(missing)('a cached room list', () => {
  let store: LeadingScylla;
  let seeded: SeededRooms;
  /** Two instances of the service. */
  let one: CachedRooms;
  let other: CachedRooms;
  let cache: HeldCache;

  beforeAll(async () => {
    store = await openLeadingScylla();
    const addUsers = async (users: Parameters<typeof insertUsers>[1]) => await insertUsers(store.db, users);
    seeded = new SeededRooms({ repository: store.rooms, addUsers }, 0);
  });
  beforeEach(() => {
    cache = new HeldCache();
    one = cacheOf(store.rooms, store.lists, cache);
    other = cacheOf(store.rooms, store.lists, cache);
  });
  afterAll(async () => await store?.close());

  async function listOf({ rooms }: { readonly rooms: RoomsRepository }, userId: number): Promise<Room[]> {
    const { items } = await rooms.getRoomList(userId, ALL);
    await cache.settled();
    return items;
  }

  /** Expects what the store shows, and says how it was found. */
  async function expectNow(userId: number, from: CachedRooms = one): Promise<unknown> {
    await from.counts();
    const found = await listOf(from, userId);
    expect(found).toEqual((await store.rooms.getRoomList(userId, ALL)).items);
    return await from.counts();
  }

  test('is loaded once, and then found by every instance while nothing changes', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    const { id } = await seeded.room(user, [partner]);
    await seeded.p2p(user, partner);
    await seeded.send(id, partner);
    expect(await expectNow(user)).toEqual({ miss: 2 });
    expect(await expectNow(user)).toEqual({ hit: 2 });
    expect(await expectNow(user, other)).toEqual({ hit: 2 });
    expect(await expectNow(partner)).toEqual({ miss: 2 });
  });

  describe('shows at once, from the other instance,', () => {
    let user: number;
    let partner: number;
    let group: Room;
    let p2p: Room;
    beforeEach(async () => {
      [user = 0, partner = 0] = await seeded.users(2);
      group = await seeded.room(user, [partner]);
      p2p = await seeded.p2p(user, partner);
      await seeded.send(group.id, user);
      await seeded.send(p2p.id, partner);
      for (const reader of [user, partner]) await listOf(one, reader);
    });

    const CHANGES: Readonly<Record<string, () => Promise<unknown>>> = {
      'a message': () => seeded.send(group.id, partner, { content: 'new' }),
      'an edit': async () => {
        const { id } = await seeded.send(group.id, partner);
        await listOf(one, user);
        await other.rooms.updateMessage(actor(partner), id, () => ({ content: 'edited' }));
      },
      'a deleted message': async () => {
        const { id } = await seeded.send(group.id, partner);
        await listOf(one, user);
        await seeded.delete(group.id, partner, [id]);
      },
      'what others have read': async () => {
        const { id } = await seeded.send(group.id, user);
        await listOf(one, user);
        await seeded.read(group.id, partner, [id]);
      },
      'a pin, which nobody hears of': () => other.rooms.pinRoom(actor(user), p2p.id),
      'a pin that was taken back': async () => {
        await other.rooms.pinRoom(actor(user), p2p.id);
        await other.rooms.pinRoom(actor(user), p2p.id);
      },
      'a block by the partner, which nobody hears of': () =>
        other.rooms.blockUser(actor(partner), p2p.id, () => ({
          actor: { isPartnerBlocked: true },
          effects: [],
        })),
      'another name': () =>
        other.rooms.updateRoom(actor(user), group.id, () => ({ room: { name: 'Other' }, effects: [] })),
      'a role': () =>
        other.rooms.updateParticipantRoom(actor(user), group.id, partner, () => ({
          roles: new Map([[partner, 'ADMIN'] as const]),
          effects: [],
        })),
      'a new member': async () => seeded.add(group.id, user, await seeded.users(1)),
      'a user’s name, phone and avatar': () =>
        store.db.query(`UPDATE "user" SET name = 'New', phone = $2, avatar = NULL WHERE id = $1`, [
          partner,
          `new ${partner}`,
        ]),
      'that a user was removed': () =>
        store.db.query('UPDATE "user" SET removed_at = now() WHERE id = $1', [partner]),
      'that a removed user came back': async () => {
        await store.db.query('UPDATE "user" SET removed_at = now() WHERE id = $1', [partner]);
        await listOf(one, user);
        await store.db.query('UPDATE "user" SET removed_at = NULL WHERE id = $1', [partner]);
      },
    };
    /** In the end all is as it was. */
    const BACK_AGAIN = ['a pin that was taken back', 'that a removed user came back'];
    test.each(Object.keys(CHANGES))('%s', async (what) => {
      const before = await listOf(other, user);
      await CHANGES[what]?.();
      await expectNow(user);
      await expectNow(partner);
      if (!BACK_AGAIN.includes(what)) expect(await listOf(other, user)).not.toEqual(before);
    });

    test('that he was removed', async () => {
      await seeded.remove(group.id, user, [partner]);
      expect((await listOf(one, partner)).map(({ id }) => id)).toEqual([p2p.id]);
      expect((await listOf(other, user)).find(({ id }) => id === group.id)?.participants).toHaveLength(1);
      // What he had seen is still in the cache; it does not come back to him.
      expect(await expectNow(partner)).toEqual({ hit: 1 });
    });
  });

  test('keeps no name, phone or avatar', async () => {
    const names = [
      { name: 'Ana Secreta', phone: '+34600', avatar: 'face1.png' },
      { name: 'Bea Oculta', phone: '+34601', avatar: 'face2.png' },
    ];
    const [user = 0, partner = 0] = await seeded.users(2, names);
    await seeded.send((await seeded.room(user, [partner])).id, partner, { content: 'said' });
    await seeded.p2p(user, partner);
    const [first] = await listOf(one, user);
    expect(first?.name).toBe('Bea Oculta');
    const kept = cache.bytes();
    expect(kept).toContain('said');
    for (const secret of names.flatMap((shown) => Object.values(shown))) expect(kept).not.toContain(secret);
  });

  test('does not take what a late writer brings', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    const { id } = await seeded.room(user, [partner]);
    await seeded.send(id, partner, { content: 'old' });
    const release = cache.hold();
    await one.rooms.getRoomList(user, ALL);
    await seeded.send(id, partner, { content: 'new' });
    // It brings the view of before, over that of now.
    expect(await expectNow(user, other)).toEqual({ miss: 1 });
    await release();
    expect(await expectNow(user, other)).toEqual({ stale: 1 });
    expect(await expectNow(user, other)).toEqual({ hit: 1 });
  });

  test('is not filled from a Scylla that lacks what is committed', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    const { id } = await seeded.room(user, [partner]);
    await seeded.send(id, partner, { content: 'old' });
    const { promise, resolve } = Promise.withResolvers<void>();
    store.session.fault = () => ({ until: promise, fails: false });
    const sending = seeded.send(id, partner, { content: 'new' });
    await expect.poll(() => store.pending()).toBe(1);
    // Its counters say that there is a new message, and its rows don't.
    const early = (await listOf(one, user)).map(({ lastMessage }) => lastMessage?.content);
    const lookedUp = await one.counts();
    store.session.fault = undefined;
    resolve();
    await sending;
    expect([early, lookedUp]).toEqual([['old'], {}]);
    expect((await listOf(one, user))[0]?.lastMessage?.content).toBe('new');
    expect(await one.counts()).toEqual({ miss: 1 });
  });

  test('is never older than its stamp: a change between the stamp and the view is in the view', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    const { id } = await seeded.p2p(user, partner);
    const block = async (isPartnerBlocked: boolean) =>
      await store.rooms.blockUser(actor(partner), id, () => ({ actor: { isPartnerBlocked }, effects: [] }));
    const stamped = Promise.withResolvers<void>();
    const changed = Promise.withResolvers<void>();
    const slow = cacheOf(
      store.rooms,
      {
        ...store.lists,
        async listRooms(...asked) {
          const listing = await store.lists.listRooms(...asked);
          stamped.resolve();
          await changed.promise;
          return listing;
        },
      },
      cache,
    );
    const list = listOf(slow, user);
    await stamped.promise;
    await block(true);
    changed.resolve();
    expect((await list)[0]?.partner?.isPartnerBlocked).toBe(true);
    // Back to what the stamp saw: the view that was stored under it shows something else.
    await block(false);
    expect(await expectNow(user)).toEqual({ stale: 1 });
  });

  test('is of one moment, also when a pin comes between what is asked', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    const { id } = await seeded.p2p(user, partner);
    // The membership comes from Scylla, then the counters from PostgreSQL.
    const between: Sql = {
      async query(text, params) {
        if (text.includes('room_stamps')) await store.rooms.pinRoom(actor(user), id);
        return await store.db.query(text, params);
      },
    };
    const reads = { session: store.session, sql: between };
    const late = cacheOf(
      store.rooms,
      { ...store.lists, listRooms: async (...asked) => await listRooms(reads, ...asked) },
      cache,
    );
    // It began before the pin.
    expect((await listOf(late, user))[0]?.isPinned).toBe(false);
    expect(await expectNow(user)).toEqual({ stale: 1 });
    expect((await listOf(one, user))[0]?.isPinned).toBe(true);
  });

  test('asks the store once for what several miss at the same time', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    for (let count = 0; count < 3; count += 1) await seeded.p2p(user, (await seeded.users(1))[0] ?? 0);
    await seeded.room(user, [partner]);
    const loads: (readonly string[])[] = [];
    const gate = Promise.withResolvers<void>();
    const counting = cacheOf(
      store.rooms,
      {
        ...store.lists,
        async listRooms(...asked) {
          const listing = await store.lists.listRooms(...asked);
          const load: typeof listing.load = async (ids) => {
            loads.push(ids);
            await gate.promise;
            return await listing.load(ids);
          };
          return { ...listing, load };
        },
      },
      cache,
    );
    const asked = Array.from({ length: 10 }, () => counting.rooms.getRoomList(user, ALL));
    let misses = 0;
    await expect
      .poll(async () => {
        misses += (await counting.counts()).miss ?? 0;
        return misses;
      })
      .toBe(40);
    gate.resolve();
    const answers = await Promise.all(asked);
    const wanted = await store.rooms.getRoomList(user, ALL);
    for (const answer of answers) expect(answer).toEqual(wanted);
    expect(loads.map((ids) => ids.length)).toEqual([4]);
    // Each has its own copy.
    const [first, second] = answers.map(({ items }) => items[0]);
    if (first !== undefined) first.name = 'changed by a caller';
    expect(second?.name).not.toBe('changed by a caller');
  });

  test('fails as the store fails, and the next one is loaded', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    await seeded.room(user, [partner]);
    let fails = true;
    const failing = cacheOf(
      store.rooms,
      {
        ...store.lists,
        async listRooms(...asked) {
          const listing = await store.lists.listRooms(...asked);
          const load: typeof listing.load = async (ids) => {
            if (fails) throw new Error('connection lost');
            return await listing.load(ids);
          };
          return { ...listing, load };
        },
      },
      cache,
    );
    const answers = await Promise.allSettled([1, 2].map(() => failing.rooms.getRoomList(user, ALL)));
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { reason: 'internal_server_error' } });
    }
    fails = false;
    expect(await listOf(failing, user)).toHaveLength(1);
  });

  test.each<[string, Spoil, 'miss' | 'stale']>([
    ['nothing', () => new Uint8Array(), 'miss'],
    ['noise', () => Buffer.from('{"data": {"id": "x"}}'), 'miss'],
    ['a part', (value) => value.subarray(0, value.length - 5), 'miss'],
    ['a changed byte', (value) => value.map((byte, at) => (at === 70 ? byte ^ 1 : byte)), 'miss'],
    ['the view of another room', (_value, others) => others[0] ?? new Uint8Array(), 'stale'],
  ])('does not take %s under a key for a view', async (_name, spoil, status) => {
    const [user = 0, partner = 0] = await seeded.users(2);
    await seeded.room(user, [partner]);
    await seeded.room(user, [partner]);
    await listOf(one, user);
    await cache.replace(spoil);
    expect(await expectNow(user)).toEqual({ [status]: 2 });
    expect(await expectNow(user)).toEqual({ hit: 2 });
  });

  test('does without a cache that never answers', async () => {
    const [user = 0, partner = 0] = await seeded.users(2);
    await seeded.room(user, [partner]);
    const dead: CacheStore = { getMany: async () => undefined, setMany: async () => false };
    const alone = cacheOf(store.rooms, store.lists, dead);
    expect(await expectNow(user, alone)).toEqual({ 'get error': 1 });
    const deaf = cacheOf(store.rooms, store.lists, { ...cache.store, setMany: async () => false });
    expect(await expectNow(user, deaf)).toEqual({ miss: 1, 'set error': 1 });
  });
});

/** What is put in place of a value; `others` are those of the group's other keys. */
type Spoil = (value: Uint8Array, others: readonly Uint8Array[]) => Uint8Array;

/** A real cache whose writers a test can hold up, and into which it can look. */
class HeldCache implements CacheStore {
  readonly store: CacheStore = createMemoryCacheStore();
  readonly #kept = new Map<string, Map<string, Uint8Array>>();
  #writing: Promise<unknown>[] = [];
  #gate: Promise<void> | undefined;
  #held: Promise<unknown> | undefined;

  getMany(group: string, keys: readonly string[]): ReturnType<CacheStore['getMany']> {
    return this.store.getMany(group, keys);
  }

  setMany(group: string, values: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
    const gate = this.#gate;
    this.#gate = undefined;
    const writing = this.#write(gate, group, values);
    if (gate === undefined) this.#writing.push(writing);
    else this.#held = writing;
    return writing;
  }

  /** The next write waits until it is released; that resolves when it has been made. */
  hold(): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return async () => {
      resolve();
      await this.#held;
    };
  }

  /** Resolves when nothing is being written but what is held. */
  async settled(): Promise<void> {
    await Promise.all(this.#writing.splice(0));
  }

  /** All that was stored last. */
  bytes(): string {
    return [...this.#kept.values()]
      .flatMap((values) => [...values.values()])
      .map((value) => Buffer.from(value).toString('latin1'))
      .join('\n');
  }

  /** Puts something else under each key. */
  async replace(spoil: Spoil): Promise<void> {
    for (const [group, values] of this.#kept) {
      const entries = [...values];
      const spoilt = entries.map(([key, value]) => {
        const others = entries.filter(([another]) => another !== key).map(([, another]) => another);
        return [key, spoil(value, others)] as const;
      });
      await this.store.setMany(group, new Map(spoilt));
    }
  }

  async #write(
    gate: Promise<void> | undefined,
    group: string,
    values: ReadonlyMap<string, Uint8Array>,
  ): Promise<boolean> {
    await gate;
    this.#kept.set(group, new Map([...(this.#kept.get(group) ?? []), ...values]));
    return await this.store.setMany(group, values);
  }
}
