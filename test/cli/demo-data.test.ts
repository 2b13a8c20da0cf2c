import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createPushRenderer } from '../../src/chat/push.ts';
import { DEMO_ROOM_ID } from '../../src/cli/demo-conversations.ts';
import { demoMessage, seedDemoData } from '../../src/cli/demo-data.ts';
import { decryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import { MessageStatus } from '../../src/gen/services/chat/v1/types_pb.ts';
import { CommitSignal } from '../../src/repository/postgres/commit-signal.ts';
import { createPostgresRoomsRepository } from '../../src/repository/postgres/postgres-rooms-repository.ts';
import { createPostgresUsersRepository } from '../../src/repository/postgres/users.ts';
import type { RoomsRepository } from '../../src/repository/rooms-repository.ts';
import type { UsersRepository } from '../../src/repository/users-repository.ts';
import { MASTER } from '../crypto/vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { actor } from '../support/rooms.ts';

const keys = createRoomKeys(MASTER);
const EVERYTHING = { page: 0, limit: 0, messagesPerRoom: 100 };

describe.skipIf(inject('postgresUrl') === '')('demo data', () => {
  let database: TestDatabase;
  let users: UsersRepository;
  let rooms: RoomsRepository;

  beforeAll(async () => {
    database = await createTestDatabase();
    users = createPostgresUsersRepository(database.db);
    rooms = createPostgresRoomsRepository({
      db: database.db,
      events: new CommitSignal(),
      notifications: new CommitSignal(),
    });
    expect(await seedDemoData({ users, rooms, keys })).toBe(true);
  });
  afterAll(() => database?.drop());

  it('has eight people with names, phones and avatars that need no network', async () => {
    const people = await users.getUsers([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(people.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const { name, phone, avatar } of people) {
      expect(name).not.toBe('');
      expect(phone).toMatch(/^\+\d{11}$/);
      expect(avatar).toMatch(/^data:image\/svg\+xml,/);
      expect(avatar?.length).toBeLessThan(2048);
    }
  });

  it('has a conversation of 1 and 2, two groups and a channel', async () => {
    const { items } = await rooms.getRoomList(1, { page: 0, limit: 0, search: '', type: '' });
    expect(items.map(({ type }) => type).sort()).toEqual(['channel', 'group', 'group', 'p2p']);
    const [p2p] = items.filter(({ type }) => type === 'p2p');
    expect(p2p).toMatchObject({ id: DEMO_ROOM_ID, name: 'Ben Okafor', unreadCount: 1 });
  });

  it('has some dozens of messages that can be read with the room key, with replies and reactions', async () => {
    const { items } = await rooms.getRoomList(1, { page: 0, limit: 0, search: '', type: '' });
    const histories = await Promise.all(items.map(({ id }) => rooms.getMessageHistory(1, id, EVERYTHING)));
    const messages = histories.flatMap((history) => history.items);
    expect(messages.length).toBeGreaterThan(35);
    for (const { roomId, content } of messages) {
      const room = items.find(({ id }) => id === roomId);
      expect(decryptMessage(content, keys.open(room?.encryptionData ?? ''))).toMatch(/\w/);
    }
    expect(messages.filter(({ reply }) => reply !== undefined).length).toBeGreaterThan(5);
    expect(messages.filter(({ reactions }) => reactions.length > 0).length).toBeGreaterThan(10);
    expect(messages.some(({ status }) => status === MessageStatus.READ)).toBe(true);
    expect(messages.some(({ status }) => status === MessageStatus.SENT)).toBe(true);
  });

  it('lets only the owner write in the channel', async () => {
    const { items } = await rooms.getRoomList(2, { page: 0, limit: 0, search: '', type: 'channel' });
    expect(items).toMatchObject([{ role: 'MEMBER', sendMessage: false }]);
  });

  it('has an example message that shows as text', async () => {
    const example = await demoMessage({ rooms, keys }, 'Hello from curl');
    const room = await rooms.getRoom(2, example?.roomId ?? '', 'light');
    expect(decryptMessage(example?.content ?? '', keys.open(room?.encryptionData ?? ''))).toBe(
      'Hello from curl',
    );
  });

  it('can be pushed', async () => {
    const [message] = (await rooms.getMessageHistory(2, DEMO_ROOM_ID, EVERYTHING)).items;
    const push = createPushRenderer({ rooms, keys });
    const job = { kind: 'push', roomId: DEMO_ROOM_ID, messageId: message?.id ?? '', senderId: 2 } as const;
    expect(await push(job)).toMatchObject({
      recipientsUserId: [1],
      senderDisplayName: 'Ben Okafor',
      roomName: 'Ana Torres',
      messageContent: 'I will be there. Hungry.',
    });
    await rooms.deleteMessages(actor(2), DEMO_ROOM_ID, [message?.id ?? ''], () => {});
    expect(await push(job)).toBeUndefined();
  });

  it('comes once, also when everybody was removed since', async () => {
    await users.removeUsers([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await seedDemoData({ users, rooms, keys })).toBe(false);
    expect(await users.getUsers([1])).toEqual([]);
  });

  it('has no example any more when its room is gone', async () => {
    await rooms.leaveRoom(actor(1), DEMO_ROOM_ID, 'all', () => ({ deleteRoom: true, effects: [] }));
    expect(await demoMessage({ rooms, keys }, 'nobody')).toBeUndefined();
  });
});
