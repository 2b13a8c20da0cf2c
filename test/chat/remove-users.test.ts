import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Caller } from '../../src/auth/caller.ts';
import { createUsers } from '../../src/chat/users.ts';
import { RemoveUsersRequestSchema } from '../../src/gen/services/users/v1/types_pb.ts';
import type { UsersRepository } from '../../src/repository/users-repository.ts';
import { openWorld, type World } from '../rpc/world.ts';

const ADMIN: Caller = {
  userId: 2_000_000_000,
  isAdmin: true,
  expiresAt: Number.MAX_SAFE_INTEGER,
  client: { clientId: undefined, lang: 'en', timezone: '', platform: 'unknown', clientVersion: '1.0.0' },
};

describe.skipIf(inject('postgresUrl') === '')('removing users', () => {
  let world: World;

  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world?.close());

  /** Removes over the real repositories, with something happening at the moment of removal. */
  async function remove(
    ids: readonly number[],
    removeUsers?: UsersRepository['removeUsers'],
  ): Promise<number> {
    const { rooms, users } = world.parts;
    const service = createUsers({
      rooms,
      users: removeUsers === undefined ? users : { ...users, removeUsers },
    });
    return (await service.removeUsers(ADMIN, create(RemoveUsersRequestSchema, { ids: [...ids] }))).removed;
  }

  test('what a failure interrupted is finished by the next call', async () => {
    const [ana, ben] = await world.people(2);
    const group = await ben.group([ana]);
    const failure = new Error('the database is away');
    const failing = remove([ana.id], () => Promise.reject(failure));
    await expect(failing).rejects.toBe(failure);
    expect(await remove([ana.id])).toBe(1);
    expect(await world.parts.rooms.getMemberships(ana.id)).toEqual([]);
    const history = await ben.chat.getMessageHistory({ id: group.id });
    expect(history.items.map(({ event }) => event)).toEqual(['remove_member']);
  });

  test('a room that is joined meanwhile is left as well', async () => {
    const [ana, ben] = await world.people(2);
    const removed = await remove([ana.id], async (ids) => {
      await ben.group([ana]);
      await ben.p2p(ana);
      return await world.parts.users.removeUsers(ids);
    });
    expect(removed).toBe(1);
    expect(await world.parts.rooms.getMemberships(ana.id)).toEqual([]);
  });
});
