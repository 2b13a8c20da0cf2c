import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Room, SyncStrategy } from '../../src/gen/services/chat/v1/types_pb.ts';
import { openWorld, type Person, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };

describe.skipIf(inject('postgresUrl') === '')('InitialSync', () => {
  let world: World;
  let ana: Person;
  let ben: Person;
  let one: Room;
  let two: Room;
  let old: string;

  beforeAll(async () => {
    world = await openWorld();
    [ana, ben] = await world.people(2);
    one = await ana.group([ben]);
    two = await ana.group([ben]);
    for (const room of [one, one, one, two]) await ana.chat.sendMessage({ roomId: room.id, content: 'aGk=' });
    const { message } = await ana.chat.sendMessage({ roomId: two.id, content: 'b2xk' });
    old = message?.id ?? '';
    await world.stored.age(old, 31 * 86_400);
  });
  afterAll(() => world?.close());

  test('everything, for a client that has nothing', async () => {
    const { rooms, roomsDeleted, messages, syncTimestamp, summary } = await ben.chat.initialSync({});
    expect(rooms.map(({ id }) => id).toSorted()).toEqual([one.id, two.id].toSorted());
    expect(messages).toHaveLength(5);
    expect(roomsDeleted).toEqual([]);
    expect(syncTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
    expect(summary).toMatchObject({ roomsSynced: 2, roomsDeleted: 0, messagesSynced: 5 });
    expect(summary?.syncDurationMs).toMatch(/^\d+$/);
  });

  test.each([
    ['two a room', { messagesPerRoom: 2 }, 4],
    ['the most a room', { messagesPerRoom: 2_147_483_647 }, 5],
    ['the last of each room', { syncStrategy: SyncStrategy.MINIMAL }, 2],
    ['the last 30 days', { syncStrategy: SyncStrategy.RECENT }, 4],
    ['smart without a timestamp', { syncStrategy: SyncStrategy.SMART }, 4],
    ['smart with one', { syncStrategy: SyncStrategy.SMART, lastSyncTimestamp: '2000-01-01T00:00:00Z' }, 5],
    ['archived rooms make no difference', { includeArchivedRooms: true }, 5],
  ])('%s', async (_, request, count) => {
    expect((await ben.chat.initialSync(request)).messages).toHaveLength(count);
  });

  test('its own timestamp continues it: new messages, deletions, rooms that are gone', async () => {
    const [cleo] = await world.people(1);
    const [stays, goes] = [await ana.group([cleo]), await ana.group([cleo])];
    const { message } = await ana.chat.sendMessage({ roomId: stays.id, content: 'Z29uZSBzb29u' });
    // The timestamp has seconds only: what follows must be in a later one.
    await world.stored.age(message?.id ?? '', 5);
    const since = new Date(Date.now() - 3000).toISOString();
    await ana.chat.deleteMessage({ roomId: stays.id, messageIds: [message?.id ?? ''] });
    await ana.chat.sendMessage({ roomId: stays.id, content: 'bmV3' });
    await ana.chat.leaveRoom({ id: goes.id, participants: [cleo.id] });
    const sync = await cleo.chat.initialSync({ lastSyncTimestamp: since });
    expect(sync.rooms.map(({ id }) => id)).toEqual([stays.id]);
    expect(sync.roomsDeleted).toEqual([goes.id]);
    const contents = sync.messages
      .filter(({ roomId }) => roomId === stays.id)
      .map(({ content, isDeleted }) => [content, isDeleted]);
    expect(contents.toSorted()).toEqual([
      ['', true],
      ['bmV3', false],
    ]);
    const later = await cleo.chat.initialSync({ lastSyncTimestamp: '2100-01-01T00:00:00Z' });
    expect(later).toMatchObject({ rooms: [], roomsDeleted: [], messages: [] });
    expect((await cleo.chat.initialSync({ lastSyncTimestamp: sync.syncTimestamp })).summary).toBeDefined();
  });

  test.each([
    ['a negative cap', { messagesPerRoom: -1 }],
    ['no date', { lastSyncTimestamp: 'yesterday' }],
    ['half a date', { lastSyncTimestamp: '2024-05-06' }],
  ])('refuses %s', async (_, request) => {
    await expect(ben.chat.initialSync(request)).rejects.toMatchObject(INVALID);
  });
});
