import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { openWorld, type Person, SECONDS, systemMessage, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };
const NOT_FOUND = { rawMessage: 'not_found', code: 5 };

describe.skipIf(inject('postgresUrl') === '')('members', () => {
  let world: World;
  let owner: Person;
  let admin: Person;
  let member: Person;
  let other: Person;

  beforeAll(async () => {
    world = await openWorld();
    [owner, admin, member, other] = await world.people(4, ['Olga', 'Adam', 'Mémo', 'zoe']);
  });
  afterAll(() => world?.close());

  /** A group with an OWNER, an ADMIN and two MEMBERs. */
  async function group(type: 'group' | 'channel' = 'group'): Promise<Room> {
    const participants = [admin.id, member.id, other.id];
    const { room } = await owner.chat.createRoom({ type, name: 'Team', participants });
    if (room === undefined) throw new Error('no room');
    await owner.chat.updateParticipantRoom({ id: room.id, participant: admin.id, role: 'ADMIN' });
    return room;
  }

  async function roles(room: Room, viewer: Person = owner): Promise<Record<string, string>> {
    const { participants } = await viewer.chat.getRoomParticipants({ id: room.id });
    return Object.fromEntries(participants.map(({ name, role }) => [name, role]));
  }

  describe('GetRoomParticipants', () => {
    test('by name, with paging and search', async () => {
      const { id } = await group();
      const { participants, meta } = await member.chat.getRoomParticipants({ id });
      expect(participants.map(({ name, role }) => `${name} ${role}`)).toEqual([
        'Adam ADMIN',
        'Mémo MEMBER',
        'Olga OWNER',
        'zoe MEMBER',
      ]);
      expect(participants[0]).toMatchObject({ id: admin.id, phone: admin.phone, avatar: admin.avatar });
      expect(meta).toMatchObject({ totalItems: 4, itemCount: 4, totalPages: 1 });
      const page = await member.chat.getRoomParticipants({ id, page: 2, limit: 3 });
      expect(page.participants.map(({ name }) => name)).toEqual(['zoe']);
      expect(page.meta).toMatchObject({
        totalItems: 4,
        itemCount: 1,
        itemsPerPage: 3,
        totalPages: 2,
        currentPage: 2,
      });
      const found = await member.chat.getRoomParticipants({ id, search: 'MEM' });
      expect(found.participants.map(({ name }) => name)).toEqual(['Mémo']);
    });
  });

  describe('LeaveRoom', () => {
    test('leaving: a system message, one event, and nothing afterwards', async () => {
      const room = await group();
      const [staying, leaving] = [await owner.listen(room.id), await member.listen(room.id)];
      await member.chat.leaveRoom({ id: room.id });
      const events = await staying.take(2);
      expect(events[0]?.event.value).toMatchObject(systemMessage('remove_member', member.phone, member));
      expect(events[1]?.event).toMatchObject({
        case: 'roomLeave',
        value: { usersId: [member.id], reason: 'user left' },
      });
      expect(events[1]?.event.case === 'roomLeave' && events[1].event.value.leftAt).toMatch(SECONDS);
      await expect.poll(() => leaving.seen().at(-1)?.event.case).toBe('roomLeave');
      await expect(member.chat.getRoom({ id: room.id })).rejects.toMatchObject(NOT_FOUND);
      await expect
        .poll(() => world.notified())
        .toContainEqual({ call: 'UnsubscribeFromTopic', topic: `room-${room.id}`, userIds: [member.id] });
    });

    test('a MEMBER may name himself, nobody else', async () => {
      const room = await group();
      await expect(member.chat.leaveRoom({ id: room.id, participants: [other.id] })).rejects.toMatchObject(
        INVALID,
      );
      const both = { id: room.id, participants: [member.id, other.id] };
      await expect(member.chat.leaveRoom(both)).rejects.toMatchObject(INVALID);
      await expect(member.chat.leaveRoom({ id: room.id, leaveAll: true })).rejects.toMatchObject(INVALID);
      await member.chat.leaveRoom({ id: room.id, participants: [member.id, member.id] });
      expect(Object.keys(await roles(room))).toEqual(['Adam', 'Olga', 'zoe']);
    });

    test('an ADMIN removes members: one message each, then one event', async () => {
      const room = await group();
      const listener = await owner.listen(room.id);
      const participants = [member.id, 999_999, other.id, member.id];
      await admin.chat.leaveRoom({ id: room.id, participants });
      const events = await listener.take(3);
      expect(events[0]?.event.value).toMatchObject(systemMessage('remove_member', member.phone, admin));
      expect(events[1]?.event.value).toMatchObject(systemMessage('remove_member', other.phone, admin));
      expect(events[2]?.event).toMatchObject({
        case: 'roomLeave',
        value: { usersId: [member.id, other.id], reason: 'kicked' },
      });
      expect(await roles(room)).toEqual({ Adam: 'ADMIN', Olga: 'OWNER' });
    });

    test('only an OWNER removes those who run the room', async () => {
      const room = await group();
      await expect(admin.chat.leaveRoom({ id: room.id, participants: [owner.id] })).rejects.toMatchObject(
        INVALID,
      );
      await expect(owner.chat.leaveRoom({ id: room.id, participants: [999_999] })).rejects.toMatchObject(
        INVALID,
      );
      await owner.chat.leaveRoom({ id: room.id, participants: [admin.id] });
      expect(Object.keys(await roles(room))).toEqual(['Mémo', 'Olga', 'zoe']);
    });

    test('the last OWNER hands over to the longest-standing ADMIN, then MEMBER; the last one deletes the group', async () => {
      const room = await group();
      const listener = await admin.listen(room.id);
      await owner.chat.leaveRoom({ id: room.id });
      const events = await listener.take(3);
      expect(events.map(({ event }) => event.case)).toEqual(['message', 'isRoomUpdated', 'roomLeave']);
      expect(events[1]?.room?.role).toBe('OWNER');
      expect(await roles(room, admin)).toEqual({ Adam: 'OWNER', Mémo: 'MEMBER', zoe: 'MEMBER' });
      await admin.chat.leaveRoom({ id: room.id });
      const heirs = [await member.chat.getRoom({ id: room.id }), await other.chat.getRoom({ id: room.id })];
      expect(heirs.map(({ room: view }) => view?.role).toSorted()).toEqual(['MEMBER', 'OWNER']);
      await member.chat.leaveRoom({ id: room.id });
      await other.chat.leaveRoom({ id: room.id });
      const { rows } = await world.db.query<{ deleted: boolean }>(
        'SELECT deleted_at IS NOT NULL AS deleted FROM room WHERE id = $1',
        [room.id],
      );
      expect(rows).toEqual([{ deleted: true }]);
    });

    test.each(['owner', 'admin'] as const)('the %s dissolves a channel', async (who) => {
      const room = await group('channel');
      const listener = await member.listen(room.id);
      await (who === 'owner' ? owner : admin).chat.leaveRoom({ id: room.id, leaveAll: true });
      const [event] = await listener.take(1);
      expect(event?.event).toMatchObject({ case: 'roomLeave', value: { reason: 'room deleted' } });
      const left = event?.event.case === 'roomLeave' ? event.event.value.usersId.toSorted() : [];
      expect(left).toEqual([owner.id, admin.id, member.id, other.id].toSorted());
      await expect(owner.chat.getRoom({ id: room.id })).rejects.toMatchObject(NOT_FOUND);
      await expect(owner.chat.sendMessage({ roomId: room.id })).rejects.toMatchObject(NOT_FOUND);
    });

    test('a p2p room dissolves for both, and they can start again', async () => {
      const [a, b] = await world.people(2);
      const room = await a.p2p(b);
      const listener = await a.listen(room.id);
      await b.chat.leaveRoom({ id: room.id });
      expect((await listener.take(1))[0]?.event).toMatchObject({
        case: 'roomLeave',
        value: { reason: 'room deleted' },
      });
      await expect(a.chat.getRoom({ id: room.id })).rejects.toMatchObject(NOT_FOUND);
      const next = await a.p2p(b);
      expect(next.id).not.toBe(room.id);
      expect(next.encryptionData).not.toBe(room.encryptionData);
    });
  });

  describe('AddParticipantToRoom', () => {
    test('says who is new, then lets him in', async () => {
      const room = await group();
      const [a, b] = await world.people(2);
      const [inside, outside] = [await member.listen(room.id), await a.listen()];
      const participants = [a.id, member.id, 999_999, b.id, a.id];
      await owner.chat.addParticipantToRoom({ id: room.id, participants });
      const said = await inside.take(2);
      expect(said[0]?.event.value).toMatchObject(systemMessage('new_member', a.phone, owner));
      expect(said[1]?.event.value).toMatchObject(systemMessage('new_member', b.phone, owner));
      const [joined] = await outside.take(1);
      expect(joined).toMatchObject({
        roomId: room.id,
        room: { id: room.id, role: 'MEMBER' },
        event: { case: 'roomJoin', value: { userId: a.id, ownerUserId: owner.id } },
      });
      await expect
        .poll(() => world.notified())
        .toContainEqual({ call: 'SubscribeToTopic', topic: `room-${room.id}`, userIds: [a.id, b.id] });
    });

    test('nobody new: nothing happens', async () => {
      const room = await group();
      const listener = await member.listen(room.id);
      for (const participants of [[], [member.id], [0, -5, 999_999]]) {
        expect((await owner.chat.addParticipantToRoom({ id: room.id, participants })).success).toBe(true);
      }
      await owner.chat.muteRoom({ id: room.id });
      expect((await listener.take(1))[0]?.event.case).toBe('isRoomUpdated');
    });

    test('who comes back starts again: MEMBER, fresh flags, nothing unread', async () => {
      const room = await group();
      await admin.chat.muteRoom({ id: room.id });
      await admin.chat.pinRoom({ id: room.id });
      await admin.chat.leaveRoom({ id: room.id });
      await owner.chat.sendMessage({ roomId: room.id, content: 'bWlzc2Vk' });
      await owner.chat.addParticipantToRoom({ id: room.id, participants: [admin.id] });
      expect((await admin.chat.getRoom({ id: room.id })).room).toMatchObject({
        role: 'MEMBER',
        isMuted: false,
        isPinned: false,
        unreadCount: 0,
      });
    });

    test('a MEMBER adds only when the room allows it', async () => {
      const room = await group();
      const [a] = await world.people(1);
      const request = { id: room.id, participants: [a.id] };
      await expect(member.chat.addParticipantToRoom(request)).rejects.toMatchObject(NOT_FOUND);
      await owner.chat.updateRoom({ id: room.id, addMember: true });
      await member.chat.addParticipantToRoom(request);
      expect((await a.chat.getRoom({ id: room.id })).room?.role).toBe('MEMBER');
    });

    test('nobody is added to a p2p room, and at most 1000 are named', async () => {
      const p2p = await owner.p2p(member);
      const request = { id: p2p.id, participants: [other.id] };
      await expect(owner.chat.addParticipantToRoom(request)).rejects.toMatchObject(NOT_FOUND);
      const room = await group();
      const many = { id: room.id, participants: Array.from({ length: 1001 }, (_, i) => i + 500_000) };
      await expect(owner.chat.addParticipantToRoom(many)).rejects.toMatchObject(INVALID);
    });
  });

  describe('UpdateParticipantRoom', () => {
    test('an OWNER gives roles; everybody looks again', async () => {
      const room = await group();
      const listener = await member.listen(room.id);
      await owner.chat.updateParticipantRoom({ id: room.id, participant: member.id, role: 'ADMIN' });
      expect((await listener.take(1))[0]).toMatchObject({
        event: { case: 'isRoomUpdated' },
        room: { role: 'ADMIN' },
      });
    });

    test('nobody else does', async () => {
      const room = await group();
      for (const person of [admin, member]) {
        const request = { id: room.id, participant: other.id, role: 'ADMIN' };
        await expect(person.chat.updateParticipantRoom(request)).rejects.toMatchObject(NOT_FOUND);
      }
    });

    test('only known roles, only to members, and one OWNER stays', async () => {
      const room = await group();
      const update = (participant: number, role: string): Promise<unknown> =>
        owner.chat.updateParticipantRoom({ id: room.id, participant, role });
      for (const role of ['', 'admin', 'ROOT'])
        await expect(update(member.id, role)).rejects.toMatchObject(INVALID);
      for (const id of [999_999, 0, -1]) await expect(update(id, 'ADMIN')).rejects.toMatchObject(INVALID);
      await expect(update(owner.id, 'MEMBER')).rejects.toMatchObject(INVALID);
      await update(admin.id, 'OWNER');
      await update(owner.id, 'MEMBER');
      expect(await roles(room)).toMatchObject({ Olga: 'MEMBER', Adam: 'OWNER' });
    });

    test('a p2p room has no roles to give', async () => {
      const p2p = await owner.p2p(member);
      const request = { id: p2p.id, participant: member.id, role: 'OWNER' };
      await expect(owner.chat.updateParticipantRoom(request)).rejects.toMatchObject(NOT_FOUND);
    });
  });
});
