import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type User, UserSchema } from '../../src/gen/services/users/v1/types_pb.ts';
import type { UsersRepository } from '../../src/repository/users-repository.ts';

/** What the suite needs of an adapter. */
export interface UsersFixture {
  readonly repository: UsersRepository;
  close(): Promise<void>;
}

/** Holds an adapter of {@link UsersRepository} to its promises. `open` answers one on an empty store. */
export function exerciseUsersRepository(name: string, open: () => Promise<UsersFixture>): void {
  describe(`users: ${name}`, () => {
    let fixture: UsersFixture;
    let users: UsersRepository;
    beforeAll(async () => {
      fixture = await open();
      users = fixture.repository;
    });
    afterAll(async () => await fixture?.close());

    it('is empty until the first user is stored, who may be removed again', async () => {
      expect(await users.isEmpty()).toBe(true);
      await users.upsertUsers([user({ id: 1, name: 'First' })]);
      expect(await users.isEmpty()).toBe(false);
      await users.removeUsers([1]);
      expect(await users.isEmpty()).toBe(false);
    });

    it('inserts users and answers them by id, without what they lack', async () => {
      const ana = user({
        id: 11,
        name: 'Ana',
        phone: '+11',
        email: 'ana@example.org',
        avatar: 'a.png',
        dni: '1',
      });
      const bo = user({ id: 12, name: 'Bo' });
      expect(await users.upsertUsers([bo, ana])).toBe(2);
      expect(await users.getUsers([12, 999, 11, 11])).toEqual([ana, bo]);
    });

    it('replaces a user as a whole', async () => {
      await users.upsertUsers([user({ id: 21, name: 'Old', phone: '+21', avatar: 'old.png' })]);
      const replaced = user({ id: 21, name: 'New' });
      expect(await users.upsertUsers([replaced])).toBe(1);
      expect(await users.getUsers([21])).toEqual([replaced]);
    });

    it('takes the last of two entries for one user', async () => {
      expect(
        await users.upsertUsers([user({ id: 31, name: 'First' }), user({ id: 31, name: 'Second' })]),
      ).toBe(1);
      expect(await users.getUsers([31])).toEqual([user({ id: 31, name: 'Second' })]);
    });

    it('writes nothing when one phone belongs to another user', async () => {
      await users.upsertUsers([user({ id: 41, name: 'Owner', phone: '+41' })]);
      const refused = users.upsertUsers([
        user({ id: 42, name: 'Fine', phone: '+42' }),
        user({ id: 43, name: 'Thief', phone: '+41' }),
      ]);
      await expect(refused).rejects.toMatchObject({ reason: 'invalid_request_data' });
      expect(await users.getUsers([42, 43])).toEqual([]);
    });

    it('lets users swap their phones in one call', async () => {
      await users.upsertUsers([
        user({ id: 51, name: 'A', phone: '+51' }),
        user({ id: 52, name: 'B', phone: '+52' }),
      ]);
      const swapped = [user({ id: 51, name: 'A', phone: '+52' }), user({ id: 52, name: 'B', phone: '+51' })];
      await users.upsertUsers(swapped);
      expect(await users.getUsers([51, 52])).toEqual(swapped);
    });

    it('lets any number of users be without a phone, also when it is given as empty text', async () => {
      await users.upsertUsers([
        user({ id: 61, name: 'A', phone: '' }),
        user({ id: 62, name: 'B', phone: '' }),
      ]);
      expect(await users.getUsers([61, 62])).toHaveLength(2);
    });

    it('removes users once, and brings them back by inserting them', async () => {
      await users.upsertUsers([user({ id: 71, name: 'A' }), user({ id: 72, name: 'B' })]);
      expect(await users.removeUsers([72, 71, 999])).toEqual([71, 72]);
      expect(await users.removeUsers([71])).toEqual([]);
      expect(await users.getUsers([71, 72])).toEqual([]);
      expect(await users.activeUsers([71, 72])).toEqual(new Set());
      await users.upsertUsers([user({ id: 71, name: 'A' })]);
      expect(await users.activeUsers([71, 72])).toEqual(new Set([71]));
    });

    it('answers each of many concurrent questions about active users for itself', async () => {
      const ids = Array.from({ length: 50 }, (_, index) => 1000 + index);
      await users.upsertUsers(ids.map((id) => user({ id, name: `User ${id}` })));
      const answers = await Promise.all(ids.map(async (id) => await users.activeUsers([id, id + 5000])));
      expect(answers).toEqual(ids.map((id) => new Set([id])));
      expect(await users.activeUsers([])).toEqual(new Set());
    });

    it('survives concurrent writes of the same users', async () => {
      const all = Array.from({ length: 20 }, (_, index) =>
        user({ id: 2000 + index, name: 'X', phone: `+${2000 + index}` }),
      );
      await Promise.all([all, all.toReversed(), all].map(async (list) => await users.upsertUsers(list)));
      expect(await users.getUsers(all.map(({ id }) => id))).toEqual(all);
    });
  });
}

function user(fields: Omit<User, '$typeName' | '$unknown'>): User {
  return create(UserSchema, fields);
}
