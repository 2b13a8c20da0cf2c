import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openWorld, systemMessage, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };
const NOT_FOUND = { rawMessage: 'not_found', code: 5 };
const DENIED = { rawMessage: 'permission_denied', code: 7 };

describe.skipIf(inject('postgresUrl') === '')('users and push tokens', () => {
  let world: World;

  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world?.close());

  describe('UpsertUsers and GetUsers', () => {
    test('users are written, replaced and read by id', async () => {
      const users = [
        { id: 9002, name: 'Second', phone: '+9002', email: 's@x', avatar: 'https://a', dni: '42' },
        { id: 9001, name: 'First' },
      ];
      expect((await world.admin.upsertUsers({ users })).upserted).toBe(2);
      expect((await world.admin.getUsers({ ids: [9002, 5_555_555, 9001] })).users).toMatchObject([
        { id: 9001, name: 'First' },
        { id: 9002, name: 'Second', phone: '+9002', email: 's@x', avatar: 'https://a', dni: '42' },
      ]);
      await world.admin.upsertUsers({ users: [{ id: 9002, name: 'Renamed' }] });
      const [renamed] = (await world.admin.getUsers({ ids: [9002] })).users;
      expect(renamed).toMatchObject({ name: 'Renamed' });
      expect(renamed?.phone).toBeUndefined();
    });

    test('one invalid user refuses all', async () => {
      const good = { id: 9100, name: 'Good', phone: '+9100' };
      await world.admin.upsertUsers({ users: [{ id: 9199, name: 'Holder', phone: '+held' }] });
      for (const bad of [
        { id: 0, name: 'Zero' },
        { id: -1, name: 'Negative' },
        { id: 9101, name: '' },
        { id: 9101, name: ' \t' },
        { id: 9101, name: 'x'.repeat(256) },
        { id: 9101, name: 'Same phone', phone: '+9100' },
        { id: 9101, name: 'Held phone', phone: '+held' },
        { id: 9101, name: 'Long', avatar: 'x'.repeat(2049) },
        { id: 9100, name: 'Same id' },
      ]) {
        const call = world.admin.upsertUsers({ users: [good, bad] });
        await expect(call, JSON.stringify(bad)).rejects.toMatchObject(INVALID);
      }
      expect((await world.admin.getUsers({ ids: [9100, 9101] })).users).toEqual([]);
      const many = Array.from({ length: 1001 }, (_, i) => ({ id: 100_000 + i, name: 'x' }));
      await expect(world.admin.upsertUsers({ users: many })).rejects.toMatchObject(INVALID);
      await expect(world.admin.getUsers({ ids: many.map(({ id }) => id) })).rejects.toMatchObject(INVALID);
    });

    test('nobody shares an empty phone', async () => {
      const users = [
        { id: 9201, name: 'a', phone: '' },
        { id: 9202, name: 'b', phone: '' },
      ];
      expect((await world.admin.upsertUsers({ users })).upserted).toBe(2);
    });

    test('administrators only', async () => {
      const [ana] = await world.people(1);
      await expect(ana.users.upsertUsers({})).rejects.toMatchObject(DENIED);
      await expect(ana.users.getUsers({})).rejects.toMatchObject(DENIED);
      await expect(ana.users.removeUsers({ ids: [ana.id] })).rejects.toMatchObject(DENIED);
    });
  });

  describe('RemoveUsers', () => {
    test('the user leaves every room as LeaveRoom would have it, and can do nothing more', async () => {
      const [ana, ben, cleo] = await world.people(3);
      const owned = await ana.group([ben, cleo]);
      const joined = await ben.group([ana]);
      const p2p = await ana.p2p(cleo);
      const listener = await ben.listen(owned.id);
      const partner = await cleo.listen(p2p.id);
      expect((await world.admin.removeUsers({ ids: [ana.id, ana.id, 0, -3, 5_555_555] })).removed).toBe(1);
      const events = await listener.take(3);
      expect(events[0]?.event.value).toMatchObject(systemMessage('remove_member', ana.phone, ana));
      expect(events[1]?.event.case).toBe('isRoomUpdated');
      expect(events[2]?.event).toMatchObject({
        case: 'roomLeave',
        value: { usersId: [ana.id], reason: 'user left' },
      });
      expect((await partner.take(1))[0]?.event).toMatchObject({
        case: 'roomLeave',
        value: { reason: 'room deleted' },
      });
      await expect(cleo.chat.getRoom({ id: p2p.id })).rejects.toMatchObject(NOT_FOUND);
      const left = await ben.chat.getRoomParticipants({ id: joined.id });
      expect(left.participants.map(({ id }) => id)).toEqual([ben.id]);
      const inherited = await ben.chat.getRoomParticipants({ id: owned.id });
      expect(inherited.participants.filter(({ role }) => role === 'OWNER')).toHaveLength(1);
      await expect
        .poll(
          () =>
            ana.chat.getRooms({}).then(
              () => 'ok',
              (error: Error) => error.message,
            ),
          { timeout: 2000 },
        )
        .toContain('invalid_token');
      expect((await world.admin.removeUsers({ ids: [ana.id] })).removed).toBe(0);
    });

    test('a removed user who comes back starts without rooms', async () => {
      const [ana, ben] = await world.people(2);
      await ben.group([ana]);
      await world.admin.removeUsers({ ids: [ana.id] });
      await world.admin.upsertUsers({ users: [{ id: ana.id, name: 'Back' }] });
      await expect
        .poll(
          () =>
            ana.chat.getRooms({}).then(
              ({ items }) => items.length,
              () => -1,
            ),
          { timeout: 5000 },
        )
        .toBe(0);
    });
  });

  describe('SaveToken', () => {
    const tokens = async (userId: number): Promise<unknown[]> =>
      (
        await world.db.query(
          `SELECT token, token_voip AS voip, platform, device FROM messaging_token WHERE user_id = $1 ORDER BY token`,
          [userId],
        )
      ).rows;

    test('one per user, device and platform; a token has one user', async () => {
      const [ana, ben] = await world.people(2);
      const phone = {
        platform: 'ios',
        device: 'phone',
        tokenVoip: 'v1',
        platformVersion: '17',
        lang: 'es',
        isVoip: true,
      };
      expect((await ana.tokens.saveToken({ token: 't1', ...phone })).success).toBe(true);
      await ana.tokens.saveToken({ token: 't2', ...phone });
      expect(await tokens(ana.id)).toEqual([{ token: 't2', voip: 'v1', platform: 'IOS', device: 'phone' }]);
      await ana.tokens.saveToken({ token: 't3', platform: 'WEB' });
      await ana.tokens.saveToken({ token: 't3', platform: 'Android' });
      expect(await tokens(ana.id)).toHaveLength(2);
      await ben.tokens.saveToken({ token: 't3', platform: 'WEB' });
      expect((await tokens(ana.id)).length).toBe(1);
      expect((await tokens(ben.id)).length).toBe(1);
    });

    test.each([
      { token: '', platform: 'IOS' },
      { token: 't', platform: '' },
      { token: 't', platform: 'WINDOWS' },
      { token: 'x'.repeat(2049), platform: 'IOS' },
      { token: '👋'.repeat(1000), platform: 'IOS' },
      { token: 't', platform: 'IOS', device: 'x'.repeat(256) },
    ])('refuses %j', async (request) => {
      const [ana] = await world.people(1);
      await expect(ana.tokens.saveToken(request)).rejects.toMatchObject(INVALID);
      expect(await tokens(ana.id)).toEqual([]);
    });
  });
});
