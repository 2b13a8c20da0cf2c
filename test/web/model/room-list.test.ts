import { create } from '@bufbuild/protobuf';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { beforeEach, describe, expect, test } from 'vitest';
import { ChatService } from '../../../src/gen/services/chat/v1/service_pb.ts';
import {
  MessageStatus,
  MessageStatusUpdateSchema,
  type Room,
} from '../../../src/gen/services/chat/v1/types_pb.ts';
import { People } from '../../../src/web/model/people.ts';
import { RoomKeys } from '../../../src/web/model/room-keys.ts';
import { RoomList } from '../../../src/web/model/room-list.ts';
import { eventOf, messageOf, roomOf } from './rooms.ts';

const ME = { id: 1, name: 'Ana', avatar: '' };

/** Rooms as the service has them. */
let stored: Room[];
let seen: string;
let rooms: RoomList;

beforeEach(async () => {
  stored = [
    roomOf({ id: 'room', name: 'Café', lastSequence: 3, readSequence: 3 }),
    roomOf({ id: 'pinned', name: 'Pinned', isPinned: true }),
    roomOf({ id: 'newer', name: 'Newer', lastMessageAt: '2026-01-01T12:00:00.000Z' }),
  ];
  seen = '';
  const transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      getRooms: () => ({ items: stored, meta: { totalPages: 1 } }),
      getRoom: ({ id }) => ({ room: stored.find((room) => room.id === id) }),
    });
  });
  const rpc = createClient(ChatService, transport);
  const keys = new RoomKeys({ chatKey: '', chatIv: '' });
  rooms = new RoomList({ rpc, me: ME.id, keys, people: new People(ME, []), isSeen: (id) => id === seen });
  await rooms.load();
});

function said(sequence: number, more: Parameters<typeof messageOf>[0] = {}) {
  return eventOf({ event: { case: 'message', value: messageOf({ id: `m${sequence}`, sequence, ...more }) } });
}

function read(messageId: string, userId: number) {
  const value = create(MessageStatusUpdateSchema, { messageId, userId, status: MessageStatus.READ });
  return eventOf({ event: { case: 'statusUpdate', value } });
}

function names(): readonly string[] {
  return rooms.rooms.value.map(({ name }) => name);
}

describe('the list of rooms', () => {
  test('has pinned ones first, then those where something happened last', async () => {
    expect(names()).toEqual(['Pinned', 'Newer', 'Café']);
    await rooms.apply(said(4));
    expect(names()).toEqual(['Pinned', 'Café', 'Newer']);
  });

  test('finds names without regard to case and accents', () => {
    rooms.setSearch(' CAFE');
    expect(names()).toEqual(['Café']);
    rooms.setSearch('');
    expect(names()).toHaveLength(3);
  });

  test('counts what others say, once however often it is told, until it is read', async () => {
    for (const event of [said(4), said(5), said(4), said(6, { senderId: 1 }), said(2)])
      await rooms.apply(event);
    expect(rooms.view('room')).toMatchObject({
      unread: 2,
      lastMessage: { text: '📎 file-m6', tick: 'sent' },
    });
    await rooms.apply(read('m6', 1));
    expect(rooms.view('room')?.unread).toBe(0);
  });

  test('does not count what the user sees as it comes', async () => {
    seen = 'room';
    await rooms.apply(said(4));
    expect(rooms.view('room')).toMatchObject({ unread: 0, lastMessage: { text: '📎 file-m4' } });
  });

  test('shows that the last message was read, and how it was changed', async () => {
    await rooms.apply(said(4, { senderId: 1 }));
    await rooms.apply(read('m4', 2));
    expect(rooms.view('room')?.lastMessage?.tick).toBe('read');
    const value = messageOf({ id: 'm4', sequence: 4, file: 'changed' });
    await rooms.apply(eventOf({ event: { case: 'updateMessage', value } }));
    expect(rooms.view('room')?.lastMessage?.text).toBe('📎 changed');
  });

  test('asks again when a message that it counts or shows is deleted', async () => {
    await rooms.apply(said(4));
    stored = [roomOf({ id: 'room', name: 'As it is now' })];
    await rooms.apply(eventOf({ event: { case: 'deleteMessage', value: 'm4' } }));
    expect(rooms.view('room')).toMatchObject({ name: 'As it is now', unread: 0, lastMessage: undefined });
  });

  test('takes in a room that the user has come to, and lets one go that he has left', async () => {
    await rooms.apply(
      eventOf({
        roomId: 'new',
        room: roomOf({ id: 'new', name: 'New' }),
        event: { case: 'roomJoin', value: {} },
      }),
    );
    expect(names()).toContain('New');
    await rooms.apply(eventOf({ roomId: 'new', event: { case: 'roomLeave', value: { usersId: [2] } } }));
    expect(names()).toContain('New');
    await rooms.apply(eventOf({ roomId: 'new', event: { case: 'roomLeave', value: { usersId: [1] } } }));
    expect(names()).not.toContain('New');
  });

  test('lets go what is not there any more when it is read again', async () => {
    stored = stored.slice(1);
    await rooms.load();
    expect(names()).toEqual(['Pinned', 'Newer']);
  });

  test('shows who is typing, until he has said it', async () => {
    const typing = (userId: number) =>
      eventOf({ event: { case: 'typing', value: { userId, isTyping: true } } });
    await rooms.apply(typing(2));
    await rooms.apply(typing(1));
    expect(rooms.view('room')?.typing).toEqual(['User 2']);
    await rooms.apply(said(4));
    expect(rooms.view('room')?.typing).toEqual([]);
  });
});

describe('what a user may do', () => {
  const may = async (more: Parameters<typeof roomOf>[0]) => {
    await rooms.put(roomOf({ id: 'any', ...more }));
    return Object.entries(rooms.view('any')?.may ?? {}).flatMap(([name, is]) => (is ? [name] : []));
  };

  test.each([
    ['OWNER', {}, ['write', 'addMembers', 'edit', 'setRoles']],
    ['ADMIN', {}, ['write', 'addMembers', 'edit']],
    ['MEMBER', {}, []],
    ['MEMBER', { sendMessage: true, addMember: true, editGroup: true }, ['write', 'addMembers', 'edit']],
  ])('in a group as %s with %j', async (role, flags, expected) => {
    expect(await may({ role, sendMessage: false, ...flags })).toEqual(expected);
  });

  test('with one other person: write, unless one has blocked the other', async () => {
    expect(await may({ type: 'p2p', role: 'OWNER' })).toEqual(['write']);
    expect(await may({ type: 'p2p', isPartnerBlocked: true })).toEqual([]);
    expect(await may({ type: 'p2p', partner: { id: 2, isPartnerBlocked: true } })).toEqual([]);
  });
});
