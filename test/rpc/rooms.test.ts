import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { openWorld, type Person, RFC3339, SECONDS, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };
const NOT_FOUND = { rawMessage: 'not_found', code: 5 };

describe.skipIf(inject('postgresUrl') === '')('rooms', () => {
  let world: World;
  let ana: Person;
  let ben: Person;
  let cleo: Person;

  beforeAll(async () => {
    world = await openWorld();
    [ana, ben, cleo] = await world.people(3);
  });
  afterAll(() => world?.close());

  describe('CreateRoom', () => {
    test('a group: its creator owns it, everybody joins with one event each', async () => {
      const listeners = [await ana.listen(), await ben.listen(), await cleo.listen()];
      const { room, success } = await ana.chat.createRoom({
        type: 'group',
        name: 'Climbers',
        participants: [ben.id, cleo.id, ben.id, ana.id],
      });
      expect(success).toBe(true);
      expect(room).toMatchObject({
        name: 'Climbers',
        description: '',
        photoUrl: '',
        type: 'group',
        role: 'OWNER',
        sendMessage: true,
        addMember: false,
        editGroup: false,
        joinAllUser: false,
        unreadCount: 0,
        lastMessageAt: '',
        lastSequence: 0,
      });
      expect(room?.createdAt).toMatch(RFC3339);
      expect(room?.encryptionData).toHaveLength(172);
      expect(room?.participants.map(({ id, role }) => [id, role])).toEqual([
        [ana.id, 'OWNER'],
        [ben.id, 'MEMBER'],
        [cleo.id, 'MEMBER'],
      ]);
      for (const [index, person] of [ana, ben, cleo].entries()) {
        const [joined] = (await listeners[index]?.take(1)) ?? [];
        expect(joined).toMatchObject({
          roomId: room?.id,
          room: { id: room?.id, role: person === ana ? 'OWNER' : 'MEMBER' },
          event: { case: 'roomJoin', value: { userId: person.id, ownerUserId: ana.id } },
        });
        expect(joined?.event.case === 'roomJoin' && joined.event.value.joinedAt).toMatch(SECONDS);
      }
      await expect
        .poll(() => world.notified())
        .toContainEqual({
          call: 'SubscribeToTopic',
          topic: `room-${room?.id}`,
          userIds: [ana.id, ben.id, cleo.id],
        });
    });

    test('a channel needs no name and keeps the flags that were asked for', async () => {
      const flags = { sendMessage: false, addMember: true, editGroup: true };
      const { room } = await ana.chat.createRoom({ type: 'channel', participants: [ben.id], ...flags });
      expect(room).toMatchObject({ type: 'channel', name: '', ...flags });
      await expect
        .poll(() => world.notified())
        .toContainEqual({ call: 'SubscribeToTopic', topic: `room-${room?.id}`, userIds: [ana.id, ben.id] });
    });

    test('a p2p room shows the partner and has fixed flags', async () => {
      const [a, b] = await world.people(2);
      const { room } = await a.chat.createRoom({
        type: 'p2p',
        participants: [b.id, a.id],
        sendMessage: false,
        addMember: true,
        editGroup: true,
      });
      expect(room).toMatchObject({
        type: 'p2p',
        role: 'OWNER',
        name: b.name,
        photoUrl: b.avatar,
        sendMessage: true,
        addMember: false,
        editGroup: false,
        partner: { id: b.id, name: b.name, phone: b.phone },
      });
      expect(world.notified().filter((call) => 'topic' in call && call.topic === `room-${room?.id}`)).toEqual(
        [],
      );
    });

    test('two people have one p2p room, whoever asks, with the view of who asks and without new events', async () => {
      const [a, b] = await world.people(2);
      const first = await a.chat.createRoom({ type: 'p2p', participants: [b.id] });
      await b.chat.pinRoom({ id: first.room?.id ?? '' });
      const listener = await a.listen();
      const again = await b.chat.createRoom({ type: 'p2p', participants: [a.id] });
      expect(again.room).toMatchObject({ id: first.room?.id, role: 'MEMBER', isPinned: true, name: a.name });
      await a.chat.muteRoom({ id: first.room?.id ?? '' });
      expect((await listener.take(1))[0]?.event.case).toBe('isRoomUpdated');
    });

    test('ten simultaneous calls make one p2p room', async () => {
      const [a, b] = await world.people(2);
      const rooms = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          i % 2 === 0
            ? a.chat.createRoom({ type: 'p2p', participants: [b.id] })
            : b.chat.createRoom({ type: 'p2p', participants: [a.id] }),
        ),
      );
      expect(new Set(rooms.map(({ room }) => room?.id)).size).toBe(1);
    });

    test.each<[string, (ids: readonly number[]) => object]>([
      ['nobody else', () => ({ type: 'group', name: 'x', participants: [] })],
      ['only the caller', ([self]) => ({ type: 'group', name: 'x', participants: [self] })],
      ['two partners', ([, b, c]) => ({ type: 'p2p', participants: [b, c] })],
      ['a group without name', ([, b]) => ({ type: 'group', participants: [b] })],
      ['a blank group name', ([, b]) => ({ type: 'group', name: ' \t ', participants: [b] })],
      ['an unknown type', ([, b]) => ({ type: 'GROUP', name: 'x', participants: [b] })],
      ['no type', ([, b]) => ({ name: 'x', participants: [b] })],
      ['an unknown user', ([, b]) => ({ type: 'group', name: 'x', participants: [b, 999_999] })],
      ['an impossible user', ([, b]) => ({ type: 'group', name: 'x', participants: [b, -1] })],
      ['user 0', ([, b]) => ({ type: 'group', name: 'x', participants: [b, 0] })],
      ['a long name', ([, b]) => ({ type: 'group', name: 'x'.repeat(256), participants: [b] })],
      [
        'a long description',
        ([, b]) => ({ type: 'channel', description: 'x'.repeat(2049), participants: [b] }),
      ],
      ['a long URL', ([, b]) => ({ type: 'channel', photoUrl: 'x'.repeat(2049), participants: [b] })],
      [
        '1001 participants',
        () => ({ type: 'channel', participants: Array.from({ length: 1001 }, (_, i) => i) }),
      ],
    ])('refuses %s', async (_, request) => {
      const before = await world.stored.rooms();
      const call = ana.chat.createRoom(request([ana.id, ben.id, cleo.id]));
      await expect(call).rejects.toMatchObject(INVALID);
      expect(await world.stored.rooms()).toBe(before);
    });

    test('refuses a removed user', async () => {
      const [gone] = await world.people(1);
      await world.admin.removeUsers({ ids: [gone.id] });
      const call = ana.chat.createRoom({ type: 'p2p', participants: [gone.id] });
      await expect(call).rejects.toMatchObject(INVALID);
    });

    test('takes a name of 255 characters, counted as characters', async () => {
      const name = '👋'.repeat(255);
      const { room } = await ana.chat.createRoom({ type: 'group', name, participants: [ben.id] });
      expect(room?.name).toBe(name);
    });
  });

  describe('GetRooms and GetRoom', () => {
    let group: Room;
    let p2p: Room;
    let dora: Person;
    let ezra: Person;

    beforeAll(async () => {
      [dora, ezra] = await world.people(2, ['Dóra Ünal', 'Ezra 100%_']);
      group = await dora.group([ezra], 'Café Ñandú');
      p2p = await dora.p2p(ezra);
      await ezra.chat.sendMessage({ roomId: p2p.id, content: 'aGk=' });
    });

    test('newest activity first, pinned before all', async () => {
      const ids = async (): Promise<string[]> => (await dora.chat.getRooms({})).items.map((room) => room.id);
      expect(await ids()).toEqual([p2p.id, group.id]);
      await dora.chat.pinRoom({ id: group.id });
      expect(await ids()).toEqual([group.id, p2p.id]);
      await dora.chat.pinRoom({ id: group.id });
      expect(await ids()).toEqual([p2p.id, group.id]);
    });

    test('a room carries its last message and what is unread', async () => {
      const { items, meta } = await dora.chat.getRooms({});
      expect(items[0]).toMatchObject({
        id: p2p.id,
        unreadCount: 1,
        name: ezra.name,
        lastSequence: 1,
        readSequence: 0,
      });
      expect(items[0]?.lastMessage).toMatchObject({ content: 'aGk=', senderId: ezra.id, roomId: p2p.id });
      expect(items[0]?.lastMessageAt).toBe(items[0]?.lastMessage?.createdAt);
      expect(items[1]?.participants).toHaveLength(2);
      expect(meta).toMatchObject({
        totalItems: 2,
        itemCount: 2,
        itemsPerPage: 0,
        totalPages: 1,
        currentPage: 0,
      });
    });

    test('pages', async () => {
      const { items, meta } = await dora.chat.getRooms({ page: 2, limit: 1 });
      expect(items.map((room) => room.id)).toEqual([group.id]);
      expect(meta).toMatchObject({
        totalItems: 2,
        itemCount: 1,
        itemsPerPage: 1,
        totalPages: 2,
        currentPage: 2,
      });
      const beyond = await dora.chat.getRooms({ page: 4_294_967_295, limit: 4_294_967_295 });
      expect(beyond.items).toEqual([]);
      expect(beyond.meta).toMatchObject({ totalItems: 2, itemsPerPage: 50, totalPages: 1 });
    });

    test.each([
      ['cafe nandu', ['group']],
      ['ÑANDÚ', ['group']],
      ['ezra', ['p2p']],
      ['100%_', ['p2p']],
      ['%', ['p2p']],
      ['_', ['p2p']],
      ['  ', ['p2p', 'group']],
      ['nobody', []],
      ['\\', []],
    ])('search %j', async (search, types) => {
      const { items } = await dora.chat.getRooms({ search });
      expect(items.map((room) => room.type)).toEqual(types);
    });

    test('filters combine', async () => {
      const types = async (request: { type?: string; search?: string; since?: string }): Promise<string[]> =>
        (await dora.chat.getRooms(request)).items.map((room) => room.type);
      expect(await types({ type: 'p2p' })).toEqual(['p2p']);
      expect(await types({ type: 'P2P' })).toEqual([]);
      expect(await types({ type: 'group', search: 'ezra' })).toEqual([]);
      expect(await types({ since: '2100-01-01T00:00:00Z' })).toEqual([]);
      expect(await types({ since: '2000-01-01T00:00:00.000', type: 'group' })).toEqual(['group']);
    });

    test('since sees new messages', async () => {
      const { items } = await dora.chat.getRooms({});
      const newest = [...items.flatMap((room) => [room.updatedAt, room.lastMessageAt])].sort().at(-1) ?? '';
      await ezra.chat.sendMessage({ roomId: group.id, content: '' });
      const changed = await dora.chat.getRooms({ since: newest });
      expect(changed.items.map((room) => room.id)).toEqual([group.id]);
    });

    test.each(['yesterday', '2024-05-06', '2024-02-30T00:00:00Z'])('refuses since %j', async (since) => {
      await expect(dora.chat.getRooms({ since })).rejects.toMatchObject(INVALID);
    });

    test('a user without rooms gets none', async () => {
      const [loner] = await world.people(1);
      const { items, meta } = await loner.chat.getRooms({});
      expect(items).toEqual([]);
      expect(meta).toMatchObject({ totalItems: 0, totalPages: 0 });
    });

    test('GetRoom shows what the caller sees', async () => {
      const { room } = await dora.chat.getRoom({ id: p2p.id.toUpperCase() });
      expect(room).toMatchObject({
        id: p2p.id,
        name: ezra.name,
        partner: { id: ezra.id, isPartnerBlocked: false },
      });
      await ezra.chat.blockUser({ id: p2p.id });
      await ezra.chat.muteRoom({ id: p2p.id });
      const mine = await ezra.chat.getRoom({ id: p2p.id });
      expect(mine.room).toMatchObject({
        isPartnerBlocked: true,
        isMuted: true,
        partner: { isPartnerBlocked: false },
      });
      const theirs = await dora.chat.getRoom({ id: p2p.id });
      expect(theirs.room).toMatchObject({
        isPartnerBlocked: false,
        partner: { isPartnerBlocked: true, isPartnerMuted: true },
      });
      await ezra.chat.blockUser({ id: p2p.id });
    });

    test('other people see nothing', async () => {
      await expect(ana.chat.getRoom({ id: p2p.id })).rejects.toMatchObject(NOT_FOUND);
      await expect(ana.chat.getRoom({ id: randomUUID() })).rejects.toMatchObject(NOT_FOUND);
      await expect(ana.chat.getRoom({ id: '' })).rejects.toMatchObject(INVALID);
      await expect(ana.chat.getRoom({ id: 'x' })).rejects.toMatchObject(INVALID);
    });
  });

  describe('PinRoom, MuteRoom and BlockUser', () => {
    test('pinning is private, toggles, and shows in since', async () => {
      const group = await ana.group([ben]);
      const { items } = await ana.chat.getRooms({});
      const newest = [...items.flatMap((room) => [room.updatedAt, room.lastMessageAt])].sort().at(-1) ?? '';
      await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(newest));
      await ana.chat.pinRoom({ id: group.id });
      const changed = await ana.chat.getRooms({ since: newest });
      expect(changed.items.map((room) => [room.id, room.isPinned])).toEqual([[group.id, true]]);
      expect((await ben.chat.getRoom({ id: group.id })).room?.isPinned).toBe(false);
    });

    test('muting toggles, follows the topic, and each one sees his own view', async () => {
      const group = await ana.group([ben]);
      const [mine, theirs] = [await ana.listen(group.id), await ben.listen(group.id)];
      await ben.chat.muteRoom({ id: group.id });
      expect((await mine.take(1))[0]).toMatchObject({
        event: { case: 'isRoomUpdated', value: true },
        room: { id: group.id, isMuted: false, role: 'OWNER' },
      });
      expect((await theirs.take(1))[0]).toMatchObject({ room: { isMuted: true, role: 'MEMBER' } });
      await ben.chat.muteRoom({ id: group.id });
      expect((await theirs.take(1))[0]).toMatchObject({ room: { isMuted: false } });
      const topic = { topic: `room-${group.id}`, userIds: [ben.id] };
      await expect.poll(() => world.notified()).toContainEqual({ call: 'UnsubscribeFromTopic', ...topic });
      await expect.poll(() => world.notified()).toContainEqual({ call: 'SubscribeToTopic', ...topic });
    });

    test('blocking works in p2p rooms only', async () => {
      const group = await ana.group([ben]);
      await expect(ana.chat.blockUser({ id: group.id })).rejects.toMatchObject(NOT_FOUND);
      const p2p = await ana.p2p(ben);
      await ana.chat.blockUser({ id: p2p.id });
      await expect(ana.chat.sendMessage({ roomId: p2p.id })).rejects.toMatchObject(INVALID);
      await expect(ben.chat.sendMessage({ roomId: p2p.id })).rejects.toMatchObject(INVALID);
      await ana.chat.blockUser({ id: p2p.id });
      expect((await ben.chat.sendMessage({ roomId: p2p.id })).success).toBe(true);
    });
  });

  describe('UpdateRoom', () => {
    test('replaces what is there, keeps the rest, and says it in order', async () => {
      const group = await ana.group([ben], 'Before');
      const listener = await ben.listen(group.id);
      await ana.chat.updateRoom({ id: group.id, name: 'After', photoUrl: 'https://p', addMember: true });
      const events = await listener.take(3);
      expect(events.map(({ event }) => event.case)).toEqual(['isRoomUpdated', 'message', 'message']);
      expect(events[0]?.room).toMatchObject({
        name: 'After',
        photoUrl: 'https://p',
        addMember: true,
        sendMessage: true,
      });
      expect(events[1]?.event.value).toMatchObject({
        type: 'system_message',
        event: 'new_name',
        content: 'After',
        senderId: ana.id,
        sequence: 1,
        lifetime: 'normal',
        origin: 'app',
      });
      expect(events[2]?.event.value).toMatchObject({ event: 'new_photo', content: 'https://p', sequence: 2 });
    });

    test('without a change it still tells, but says nothing', async () => {
      const group = await ana.group([ben], 'Same');
      const listener = await ben.listen(group.id);
      await ana.chat.updateRoom({ id: group.id, name: 'Same' });
      await ana.chat.updateRoom({ id: group.id });
      const { message } = await ana.chat.sendMessage({ roomId: group.id });
      const events = await listener.take(3);
      expect(events.map(({ event }) => event.case)).toEqual(['isRoomUpdated', 'isRoomUpdated', 'message']);
      expect(message?.sequence).toBe(1);
    });

    test('a blank name or a long text changes nothing', async () => {
      const group = await ana.group([ben], 'Keep');
      await expect(ana.chat.updateRoom({ id: group.id, name: ' ' })).rejects.toMatchObject(INVALID);
      const long = { id: group.id, description: 'x'.repeat(2049) };
      await expect(ana.chat.updateRoom(long)).rejects.toMatchObject(INVALID);
      expect((await ana.chat.getRoom({ id: group.id })).room).toMatchObject({
        name: 'Keep',
        description: '',
      });
    });

    test('not for a p2p room, nor for a MEMBER unless the room says so', async () => {
      const p2p = await ana.p2p(cleo);
      await expect(ana.chat.updateRoom({ id: p2p.id, name: 'x' })).rejects.toMatchObject(NOT_FOUND);
      const group = await ana.group([ben]);
      await expect(ben.chat.updateRoom({ id: group.id, name: 'x' })).rejects.toMatchObject(NOT_FOUND);
      await ana.chat.updateRoom({ id: group.id, editGroup: true });
      await ben.chat.updateRoom({ id: group.id, name: 'By Ben' });
      expect((await ana.chat.getRoom({ id: group.id })).room?.name).toBe('By Ben');
    });
  });
});
