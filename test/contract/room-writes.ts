import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  addMembers,
  changeRole,
  changeRoom,
  removeMembers,
  toggleBlock,
  toggleMute,
} from '../../src/chat/room-rules.ts';
import type { RoomState } from '../../src/chat/types.ts';
import { directSubject, roomSubject } from '../../src/events/subjects.ts';
import type { Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { actor, newMessage, newRoom } from '../support/rooms.ts';
import type { WritesWorld } from './rooms-repository-writes.ts';

const JOINED_AT = '2024-01-02T03:04:05Z';

/** Rooms and members: who is in, with which rights, since when, and what the others hear of it. */
export function exerciseRoomWrites(world: WritesWorld): void {
  async function group(...userIds: [number, ...number[]]): Promise<Room> {
    return (await world.repository.createRoom(newRoom(userIds))).room;
  }

  async function leave(roomId: string, actorId: number, userIds: number[], leaveAll = false): Promise<void> {
    const order = { actorId, userIds, leaveAll, leftAt: '2024-02-02T00:00:00Z' };
    await world.repository.leaveRoom(
      actor(actorId),
      roomId,
      leaveAll ? 'all' : userIds,
      removeMembers(order),
    );
  }

  async function add(roomId: string, userIds: number[]): Promise<void> {
    await world.repository.addParticipantToRoom(
      actor(1),
      roomId,
      userIds,
      addMembers(userIds, JOINED_AT, 100),
    );
  }

  async function joinEvent(userId: number, roomId: string): Promise<number | undefined> {
    const memberships = await world.repository.getMemberships(userId);
    return memberships.find((membership) => membership.roomId === roomId)?.joinEvent;
  }

  /** The state that a rule is shown. */
  async function stateOf(roomId: string, about: number[] | 'all'): Promise<RoomState | undefined> {
    let seen: RoomState | undefined;
    await world.repository.leaveRoom(actor(1), roomId, about, (state) => {
      seen = state;
      return { effects: [] };
    });
    return seen;
  }

  describe('createRoom', () => {
    test('makes the creator owner, tells each member on his own subject and asks for one topic', async () => {
      const { room, created } = await world.repository.createRoom(newRoom([1, 2, 3], { name: 'Trip' }));
      expect(created).toBe(true);
      expect(room).toMatchObject({
        name: 'Trip',
        role: 'OWNER',
        type: 'group',
        lastSequence: 0,
        unreadCount: 0,
      });
      expect(room.participants.map(({ id, role, phone }) => [id, role, phone])).toEqual([
        [1, 'OWNER', '+1'],
        [2, 'MEMBER', '+2'],
        [3, 'MEMBER', ''],
      ]);
      const events = await world.announced();
      expect(events.map(({ subject, number, userId }) => [subject, number, userId])).toEqual([
        [directSubject(1), 0, 1],
        [directSubject(2), 0, 1],
        [directSubject(3), 0, 1],
      ]);
      expect(events[1]?.event).toMatchObject({
        case: 'roomJoin',
        value: { userId: 2, joinedAt: JOINED_AT, ownerUserId: 1 },
      });
      expect(
        events.every(({ whole, eventId }) => whole.roomId === room.id && whole.eventId === eventId),
      ).toBe(true);
      expect((await world.notified()).map(({ notification }) => notification)).toEqual([
        { kind: 'subscribe', roomId: room.id, userIds: [1, 2, 3] },
      ]);
    });

    test.each([[99], [11]])(
      'refuses user %i, who is unknown or removed, and leaves nothing',
      async (userId) => {
        const draft = newRoom([1, 2, userId]);
        await expect(world.repository.createRoom(draft)).rejects.toMatchObject({
          reason: 'invalid_request_data',
        });
        expect(await world.repository.getRoom(1, draft.id, 'light')).toBeUndefined();
        expect(await world.announced()).toEqual([]);
      },
    );

    test('answers the pair the room it has, silently', async () => {
      const first = await world.repository.createRoom(newRoom([4, 5], { type: 'p2p' }));
      await world.announced();
      const second = await world.another.createRoom(newRoom([5, 4], { type: 'p2p' }));
      expect(second).toMatchObject({ created: false, room: { id: first.room.id, role: 'MEMBER' } });
      expect(second.room.partner).toMatchObject({ id: 4 });
      expect(await world.announced()).toEqual([]);
    });

    test('makes one room of a pair, however many ask at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          (index % 2 === 0 ? world.repository : world.another).createRoom(
            newRoom(index % 3 === 0 ? [6, 7] : [7, 6], { type: 'p2p' }),
          ),
        ),
      );
      expect(new Set(answers.map(({ room }) => room.id)).size).toBe(1);
      expect(answers.filter(({ created }) => created)).toHaveLength(1);
      expect(await world.announced()).toHaveLength(2);
    });

    test('makes the pair a new room after the old one was dissolved', async () => {
      const first = await world.repository.createRoom(newRoom([8, 9], { type: 'p2p' }));
      await leave(first.room.id, 9, [8, 9], true);
      const second = await world.repository.createRoom(newRoom([8, 9], { type: 'p2p' }));
      expect(second.created).toBe(true);
      expect(second.room.id).not.toBe(first.room.id);
      expect(await world.repository.getRoom(8, first.room.id, 'light')).toBeUndefined();
      expect(await world.repository.getDeletedRoomIds(8, undefined)).toContain(first.room.id);
    });
  });

  describe('changes', () => {
    test('show a rule the room, its members, candidates and heirs', async () => {
      const { id } = await group(1, 2, 3, 4);
      await world.repository.updateParticipantRoom(actor(1), id, 4, changeRole(4, 'ADMIN'));
      const state = await stateOf(id, [2, 9, 11]);
      expect(state).toMatchObject({
        memberCount: 4,
        ownerIds: [1],
        heirIds: [4, 2, 3],
        room: { id, role: 'OWNER' },
      });
      expect([...(state?.members ?? [])]).toEqual([
        [2, { role: 'MEMBER', profile: { id: 2, name: 'User 2', phone: '+2', avatar: '2.png' } }],
      ]);
      expect([...(state?.users.keys() ?? [])].sort()).toEqual([2, 9]);
      expect([...((await stateOf(id, 'all'))?.members.keys() ?? [])].sort()).toEqual([1, 2, 3, 4]);
    });

    test('are nothing when the rule throws', async () => {
      const { id } = await group(1, 2);
      await world.announced();
      const failing = world.repository.updateRoom(actor(1), id, () => {
        throw new Error('no');
      });
      await expect(failing).rejects.toMatchObject({
        reason: 'internal_server_error',
        cause: new Error('no'),
      });
      expect(await world.announced()).toEqual([]);
      expect((await world.repository.getRoom(1, id, 'light'))?.name).toBe('Group');
    });

    test('are not for strangers, nor in rooms that are not there', async () => {
      const { id } = await group(1, 2);
      const never = (): never => {
        throw new Error('a rule was asked about a room that the actor does not see');
      };
      for (const [userId, roomId] of [
        [5, id],
        [1, randomUUID()],
      ] as const) {
        const outsider = actor(userId);
        const attempts = [
          world.repository.pinRoom(outsider, roomId),
          world.repository.muteRoom(outsider, roomId, never),
          world.repository.blockUser(outsider, roomId, never),
          world.repository.updateRoom(outsider, roomId, never),
          world.repository.updateParticipantRoom(outsider, roomId, 2, never),
          world.repository.addParticipantToRoom(outsider, roomId, [5], never),
          world.repository.leaveRoom(outsider, roomId, 'all', never),
          world.repository.deleteMessages(outsider, roomId, [], never),
          world.repository.markMessagesAsRead(outsider, roomId, [randomUUID()], JOINED_AT),
        ];
        const answers = await Promise.allSettled(attempts);
        expect(answers).toMatchObject(attempts.map(() => ({ reason: { reason: 'not_found' } })));
      }
    });

    test('replace columns, keep the others, and say names and photos in the room', async () => {
      const { id } = await group(1, 2);
      await world.announced();
      await world.repository.updateRoom(
        actor(1),
        id,
        changeRoom({ name: 'New', photoUrl: 'p.png', addMember: true }),
      );
      expect(await world.repository.getRoom(2, id, 'full')).toMatchObject({
        name: 'New',
        photoUrl: 'p.png',
        addMember: true,
        sendMessage: true,
        editGroup: false,
        lastSequence: 2,
        unreadCount: 2,
        lastMessage: { event: 'new_photo', content: 'p.png', senderId: 1, sequence: 2 },
      });
      const events = await world.announced();
      expect(events.map(({ subject, number, event }) => [subject, number, event.case])).toEqual([
        [roomSubject(id), 1, 'isRoomUpdated'],
        [roomSubject(id), 2, 'message'],
        [roomSubject(id), 3, 'message'],
      ]);
      const said = events[1]?.event;
      expect(said).toMatchObject({
        value: {
          event: 'new_name',
          content: 'New',
          type: 'system_message',
          sequence: 1,
          senderName: 'User 1',
        },
      });
      const message = said?.case === 'message' ? said.value : undefined;
      expect(await world.repository.getMessage(2, message?.id ?? '')).toEqual(message);
    });

    test('toggle what only the member himself sees', async () => {
      const { id } = await group(1, 2);
      await world.notified();
      await world.repository.pinRoom(actor(2), id);
      await world.repository.muteRoom(actor(2), id, toggleMute(2));
      expect(await world.repository.getRoom(2, id, 'light')).toMatchObject({ isPinned: true, isMuted: true });
      expect(await world.repository.getRoom(1, id, 'light')).toMatchObject({
        isPinned: false,
        isMuted: false,
      });
      await world.repository.pinRoom(actor(2), id);
      await world.repository.muteRoom(actor(2), id, toggleMute(2));
      expect(await world.repository.getRoom(2, id, 'light')).toMatchObject({
        isPinned: false,
        isMuted: false,
      });
      const jobs = await world.notified();
      expect(jobs.map(({ notification, client }) => [notification.kind, client.lang])).toEqual([
        ['unsubscribe', 'en'],
        ['subscribe', 'en'],
      ]);
    });

    test('tell the partner that he is blocked', async () => {
      const { room } = await world.repository.createRoom(newRoom([1, 9], { type: 'p2p' }));
      await world.repository.blockUser(actor(1), room.id, toggleBlock);
      expect(await world.repository.getRoom(1, room.id, 'light')).toMatchObject({ isPartnerBlocked: true });
      expect(await world.repository.getRoom(9, room.id, 'light')).toMatchObject({
        isPartnerBlocked: false,
        partner: { id: 1, isPartnerBlocked: true },
      });
    });
  });

  describe('joining and leaving', () => {
    test('a new member starts at his own welcome, in the order of the list', async () => {
      const { id } = await group(1, 2);
      await world.repository.saveMessage(newMessage(id, 1));
      await world.announced();
      await add(id, [4, 3, 99, 11, 2]);
      const events = await world.announced();
      expect(events.map(({ subject, number, event }) => [subject, number, event.case])).toEqual([
        [roomSubject(id), 3, 'message'],
        [directSubject(4), 3, 'roomJoin'],
        [roomSubject(id), 4, 'message'],
        [directSubject(3), 4, 'roomJoin'],
      ]);
      expect(events[2]?.event).toMatchObject({ value: { event: 'new_member', content: '', sequence: 3 } });
      expect(await joinEvent(4, id)).toBe(3);
      expect(await joinEvent(3, id)).toBe(4);
      expect(await joinEvent(2, id)).toBe(0);
      expect(await world.repository.getRoom(4, id, 'full')).toMatchObject({ role: 'MEMBER', unreadCount: 1 });
      expect(await world.repository.getRoom(3, id, 'full')).toMatchObject({ unreadCount: 0 });
      expect(await world.repository.getRoom(2, id, 'full')).toMatchObject({ unreadCount: 3 });
    });

    test('who comes back is a plain member again and missed what was said meanwhile', async () => {
      const { id } = await group(1, 2, 3);
      await world.repository.updateParticipantRoom(actor(1), id, 2, changeRole(2, 'ADMIN'));
      await world.repository.pinRoom(actor(2), id);
      const { message } = await world.repository.saveMessage(newMessage(id, 1));
      await world.repository.markMessagesAsRead(actor(2), id, [message.id], JOINED_AT);
      await leave(id, 2, [2]);
      expect(await world.repository.getRoom(2, id, 'light')).toBeUndefined();
      expect(await joinEvent(2, id)).toBeUndefined();
      await expect(world.repository.saveMessage(newMessage(id, 2))).rejects.toMatchObject({
        reason: 'not_found',
      });
      await world.repository.saveMessage(newMessage(id, 1));
      await world.announced();

      await add(id, [2]);
      const events = await world.announced();
      expect(await joinEvent(2, id)).toBe(events.at(-1)?.number);
      expect(await world.repository.getRoom(2, id, 'full')).toMatchObject({
        role: 'MEMBER',
        isPinned: false,
        unreadCount: 0,
        readSequence: 1,
      });
      await world.repository.saveMessage(newMessage(id, 1));
      expect(await world.repository.getRoom(2, id, 'full')).toMatchObject({ unreadCount: 1 });
    });

    test('the last owner hands the group on', async () => {
      const { id } = await group(1, 2, 3, 4);
      await world.repository.updateParticipantRoom(actor(1), id, 3, changeRole(3, 'ADMIN'));
      await world.announced();
      await leave(id, 1, [1]);
      expect(await world.repository.getActiveMembers(id, [1, 2, 3, 4])).toEqual(
        new Map([
          [2, 'MEMBER'],
          [3, 'OWNER'],
          [4, 'MEMBER'],
        ]),
      );
      const events = await world.announced();
      expect(events.map(({ event }) => event.case)).toEqual(['message', 'isRoomUpdated', 'roomLeave']);
      expect(events[0]?.event).toMatchObject({ value: { event: 'remove_member', content: '+1' } });
      expect(events[2]?.event).toMatchObject({ value: { usersId: [1], reason: 'user left' } });
    });

    test('a dissolved room is gone for everybody', async () => {
      const { id } = await group(1, 2, 3);
      await world.notified();
      await leave(id, 1, [], true);
      for (const userId of [1, 2, 3]) {
        expect(await world.repository.getRoom(userId, id, 'light')).toBeUndefined();
        expect(await world.repository.getDeletedRoomIds(userId, undefined)).toContain(id);
      }
      await expect(leave(id, 1, [], true)).rejects.toMatchObject({ reason: 'not_found' });
      expect((await world.notified()).map(({ notification }) => notification)).toMatchObject([
        { kind: 'unsubscribe', userIds: expect.arrayContaining([1, 2, 3]) },
      ]);
    });

    test('one of two who leave at once as last owners hands on, the other finds it so', async () => {
      const { id } = await group(1, 2, 3);
      await world.repository.updateParticipantRoom(actor(1), id, 2, changeRole(2, 'OWNER'));
      await Promise.all([leave(id, 1, [1]), leave(id, 2, [2])]);
      expect(await world.repository.getActiveMembers(id, [1, 2, 3])).toEqual(new Map([[3, 'OWNER']]));
    });
  });
}
