import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RoomListQuery } from '../../src/repository/rooms-repository.ts';
import { actor, nextMillisecond, type ReadsContext, shifted } from '../support/seeded-rooms.ts';

const ALL: RoomListQuery = { page: 0, limit: 0, search: '', type: '' };

/** Lists of rooms and of their members. */
export function exerciseRoomLists(context: ReadsContext): void {
  async function ids(userId: number, query: Partial<RoomListQuery> = {}): Promise<string[]> {
    const { items } = await context.repository.getRoomList(userId, { ...ALL, ...query });
    return items.map(({ id }) => id);
  }

  describe('a room list', () => {
    it('has pinned rooms first, then recent activity; without messages the creation counts', async () => {
      const { repository, seeded } = context;
      const [user = 0, other = 0] = await seeded.users(2);
      const rooms: string[] = [];
      for (let count = 0; count < 5; count += 1) {
        rooms.push((await seeded.room(user, [other])).id);
        await nextMillisecond();
      }
      const [a = '', b = '', c = '', d = '', e = ''] = rooms;
      expect(await ids(user)).toEqual([e, d, c, b, a]);
      await seeded.send(b, other);
      await seeded.send(a, other);
      expect(await ids(user)).toEqual([a, b, e, d, c]);
      await repository.pinRoom(actor(user), c);
      await repository.pinRoom(actor(user), b);
      expect(await ids(user)).toEqual([b, c, a, e, d]);
      expect(await ids(other)).toEqual([a, b, e, d, c]);
      const { items } = await repository.getRoomList(user, ALL);
      expect(items.map(({ isPinned }) => isPinned)).toEqual([true, true, false, false, false]);
    });

    it('holds each room as GetRoom shows it, but with the most recent joiners', async () => {
      const { repository, seeded } = context;
      const [owner = 0, ...others] = await seeded.users(8);
      const [first = 0, ...later] = others;
      const group = await seeded.room(owner, [first]);
      for (const user of later) await seeded.add(group.id, owner, [user]);
      await seeded.remove(group.id, owner, later.splice(-1));
      const p2p = await seeded.p2p(first, owner);
      await seeded.send(group.id, first);
      await seeded.send(p2p.id, first);
      const { items, total } = await repository.getRoomList(owner, ALL);
      expect(total).toBe(2);
      const [listedP2p, listedGroup] = items;
      expect(listedP2p).toEqual(await repository.getRoom(owner, p2p.id, 'full'));
      expect(listedGroup?.participants.map(({ id }) => id)).toEqual(later.toReversed().slice(0, 5));
      const full = await repository.getRoom(owner, group.id, 'full');
      expect({ ...listedGroup, participants: [] }).toEqual({ ...full, participants: [] });
    });

    it('forgets rooms that are deleted or left', async () => {
      const { seeded } = context;
      const [user = 0, other = 0] = await seeded.users(2);
      const kept = await seeded.room(other, [user]);
      const left = await seeded.room(other, [user]);
      const deleted = await seeded.room(other, [user]);
      await seeded.remove(left.id, other, [user]);
      await seeded.dissolve(deleted.id, other);
      expect(await ids(user)).toEqual([kept.id]);
      expect(await ids(user, { search: 'Room', since: shifted(kept.createdAt, -1) })).toEqual([kept.id]);
    });

    it('is complete without paging, and pages without gaps or repeats with it', async () => {
      const { repository, seeded } = context;
      const [user = 0, other = 0] = await seeded.users(2);
      const rooms = await Promise.all(
        Array.from({ length: 60 }, async () => await seeded.room(user, [other])),
      );
      const all = await ids(user);
      expect(new Set(all)).toEqual(new Set(rooms.map(({ id }) => id)));
      const pages = await Promise.all(
        [1, 2, 3, 4, 5].map((page) => repository.getRoomList(user, { ...ALL, page, limit: 14 })),
      );
      expect(pages.flatMap(({ items }) => items.map(({ id }) => id))).toEqual(all);
      const beyond = await repository.getRoomList(user, { ...ALL, page: 4_294_967_295, limit: 50 });
      expect(beyond).toEqual({ items: [], total: 60 });
      expect(await ids(user, { page: 1 })).toHaveLength(60);
      expect(await ids(user, { limit: 5 })).toHaveLength(60);
    });

    it('finds rooms by part of their name or the partner’s, whatever the case and accents', async () => {
      const { seeded } = context;
      const [user = 0, jose = 0] = await seeded.users(2, [{ name: 'Me' }, { name: 'José Núñez' }]);
      const p2p = await seeded.p2p(user, jose);
      const group = await seeded.room(user, [jose], { name: 'Canción del AÑO' });
      expect(await ids(user, { search: 'nunez' })).toEqual([p2p.id]);
      expect(await ids(user, { search: 'JOSÉ' })).toEqual([p2p.id]);
      expect(await ids(user, { search: 'cancion' })).toEqual([group.id]);
      expect(await ids(user, { search: 'ÓN DEL añ' })).toEqual([group.id]);
      expect(await ids(user, { search: 'Me' })).toEqual([]);
      expect(await ids(jose, { search: 'me' })).toEqual([p2p.id]);
      expect(new Set(await ids(user, { search: '  ' }))).toEqual(new Set([p2p.id, group.id]));
    });

    it('takes every character of a search literally', async () => {
      const { seeded } = context;
      const [user = 0, other = 0] = await seeded.users(2);
      const text = fc.string({
        unit: fc.constantFrom('%', '_', '\\', '*', '.', "'", '"', '$1', 'a', 'Á', 'ñ', ' '),
        minLength: 1,
        maxLength: 6,
      });
      const names = fc.sample(text, { numRuns: 25, seed: 7 });
      const rooms = await Promise.all(names.map(async (name) => await seeded.room(user, [other], { name })));
      const plain = (value: string): string => value.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
      await fc.assert(
        fc.asyncProperty(fc.oneof(text, fc.constantFrom(...names)), async (search) => {
          const wanted = rooms.filter(
            ({ name }) => search.trim() === '' || plain(name).includes(plain(search)),
          );
          expect(new Set(await ids(user, { search }))).toEqual(new Set(wanted.map(({ id }) => id)));
        }),
        { numRuns: 40 },
      );
    });

    it('combines type, search and since', async () => {
      const { repository, seeded } = context;
      const [user = 0, other = 0, third = 0] = await seeded.users(3, [
        {},
        { name: 'Alpha' },
        { name: 'Beta' },
      ]);
      const alpha = await seeded.p2p(user, other);
      const beta = await seeded.p2p(user, third);
      const group = await seeded.room(user, [other], { name: 'Alphabet' });
      const channel = await seeded.room(user, [other], { name: 'Alpha news', type: 'channel' });
      expect(await ids(user, { type: 'channel' })).toEqual([channel.id]);
      expect(await ids(user, { type: 'p2p', search: 'alpha' })).toEqual([alpha.id]);
      await nextMillisecond();
      const { createdAt } = await seeded.send(alpha.id, other);
      await seeded.send(beta.id, third);
      await seeded.send(group.id, other);
      expect(await ids(user, { search: 'alpha', since: shifted(createdAt, -1) })).toEqual([
        group.id,
        alpha.id,
      ]);
      const page = { ...ALL, search: 'alpha', since: createdAt, type: 'p2p', page: 1, limit: 5 };
      expect(await repository.getRoomList(user, page)).toEqual({ items: [], total: 0 });
    });

    it('compares since strictly with the room’s, the membership’s and the last message’s time', async () => {
      const { repository, seeded } = context;
      const [user = 0, other = 0] = await seeded.users(2);
      const { id, updatedAt } = await seeded.room(user, [other]);
      await nextMillisecond();
      const isNewer = async (userId: number, since: string): Promise<boolean> =>
        (await ids(userId, { since })).length > 0;
      expect([await isNewer(user, updatedAt), await isNewer(user, shifted(updatedAt, -1))]).toEqual([
        false,
        true,
      ]);

      const { createdAt } = await seeded.send(id, other);
      expect([await isNewer(user, createdAt), await isNewer(user, shifted(createdAt, -1))]).toEqual([
        false,
        true,
      ]);

      const beforePin = new Date().toISOString();
      await nextMillisecond();
      await repository.pinRoom(actor(user), id);
      expect([await isNewer(user, beforePin), await isNewer(other, beforePin)]).toEqual([true, false]);

      await nextMillisecond();
      await repository.updateRoom(actor(user), id, () => ({ room: { description: 'new' }, effects: [] }));
      expect([await isNewer(user, beforePin), await isNewer(other, beforePin)]).toEqual([true, true]);
      for (const year of ['0000', '9999']) await isNewer(user, `${year}-01-01T00:00:00.000Z`);
    });
  });

  describe('rooms that are gone', () => {
    it('are those deleted or lost after the time, newest first', async () => {
      const { repository, seeded } = context;
      const [user = 0, owner = 0] = await seeded.users(2);
      const [kept, back, left, kicked, deleted] = await Promise.all(
        Array.from({ length: 5 }, async () => (await seeded.room(owner, [user])).id),
      );
      await nextMillisecond();
      await seeded.remove(left ?? '', user, [user]);
      const afterLeft = new Date().toISOString();
      await seeded.remove(kicked ?? '', owner, [user]);
      await seeded.remove(back ?? '', owner, [user]);
      await seeded.add(back ?? '', owner, [user]);
      await seeded.dissolve(deleted ?? '', owner);
      expect(await repository.getDeletedRoomIds(user, undefined)).toEqual([deleted, kicked, left]);
      expect(await repository.getDeletedRoomIds(user, shifted(afterLeft, -1))).toEqual([deleted, kicked]);
      expect(await repository.getDeletedRoomIds(user, new Date().toISOString())).toEqual([]);
      expect(await repository.getDeletedRoomIds(owner, undefined)).toEqual([deleted]);
      expect((await repository.getRoomList(user, ALL)).items.map(({ id }) => id).sort()).toEqual(
        [back, kept].sort(),
      );
    });
  });

  describe('memberships', () => {
    it('are the active ones, each with the number of the event after which it sees the room', async () => {
      const { repository, seeded } = context;
      const [owner = 0, member = 0, late = 0] = await seeded.users(3);
      const { id } = await seeded.room(owner, [member]);
      const other = await seeded.room(member, [owner]);
      await seeded.send(id, owner);
      await seeded.add(id, owner, [late]);
      expect(await repository.getMemberships(member)).toEqual(
        expect.arrayContaining([
          { roomId: id, joinEvent: 0 },
          { roomId: other.id, joinEvent: 0 },
        ]),
      );
      expect(await repository.getMemberships(late)).toEqual([{ roomId: id, joinEvent: 2 }]);
      await seeded.remove(id, owner, [late]);
      expect(await repository.getMemberships(late)).toEqual([]);
      await seeded.dissolve(id, owner);
      expect(await repository.getMemberships(member)).toEqual([{ roomId: other.id, joinEvent: 0 }]);
    });
  });

  describe('participants', () => {
    it('are the active members by name, paged and searched', async () => {
      const { repository, seeded } = context;
      const names = ['Zoé', 'Ana', 'Ben', 'Ana', 'a_b', 'a%b'];
      const [owner = 0, ...others] = await seeded.users(7, [
        ...names.map((name) => ({ name })),
        { name: 'Gone' },
      ]);
      const { id } = await seeded.room(owner, others);
      await seeded.remove(id, owner, others.slice(-1));
      const list = async (query: { page?: number; limit?: number; search?: string }): Promise<unknown> => {
        const found = await repository.getRoomParticipants(id, { page: 0, limit: 0, search: '', ...query });
        return [found.total, ...found.items.map(({ name }) => name)];
      };
      const all = await repository.getRoomParticipants(id, { page: 0, limit: 0, search: '' });
      expect(all.total).toBe(6);
      const inOrder = all.items.map(({ name }) => name);
      expect(inOrder.filter((name) => !name.includes('_') && !name.includes('%'))).toEqual([
        'Ana',
        'Ana',
        'Ben',
        'Zoé',
      ]);
      expect(all.items.find(({ id: user }) => user === owner)).toMatchObject({
        name: 'Zoé',
        role: 'OWNER',
        phone: `+${owner}`,
        avatar: `${owner}.png`,
      });
      expect(await list({ page: 2, limit: 2 })).toEqual([6, ...inOrder.slice(2, 4)]);
      expect(await list({ page: 9, limit: 2 })).toEqual([6]);
      expect(await list({ search: 'ZOE' })).toEqual([1, 'Zoé']);
      expect(await list({ search: '_' })).toEqual([1, 'a_b']);
      expect(await list({ search: '%' })).toEqual([1, 'a%b']);
      expect(await list({ search: ' ', page: 1, limit: 1 })).toEqual([6, inOrder[0]]);
    });
  });
}
