import pino from 'pino';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import {
  enterStore,
  noteMigrated,
  readStoreState,
  type StoreRoles,
} from '../../../src/repository/scylla/store-state.ts';
import { openStores, type Stores } from '../../../src/repository/stores.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createTestKeyspace, type TestKeyspace } from '../../support/keyspace.ts';
import { actor, newMessage, newRoom } from '../../support/rooms.ts';

const OFF: StoreRoles = { reads: false, writes: false, sync: false };
const FOLLOWS: StoreRoles = { reads: false, writes: false, sync: true };
const READ: StoreRoles = { reads: true, writes: false, sync: true };
const BACKED: StoreRoles = { reads: true, writes: true, sync: true };
const LEADS: StoreRoles = { reads: true, writes: true, sync: false };

describe.skipIf(inject('postgresUrl') === '')('what the stores of a database are for', () => {
  let database: TestDatabase;
  const changes = async (): Promise<number> =>
    (await database.db.query('SELECT FROM scylla_change')).rowCount;

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => await database?.drop());

  async function addRoom(): Promise<void> {
    await database.db.query(`INSERT INTO room (type) VALUES ('group')`);
  }

  test('an empty database may be led by either from the start', async () => {
    expect(await enterStore(database.db, OFF)).toMatchObject({ leader: 'postgres', mirrorSince: undefined });
    expect(await enterStore(database.db, LEADS)).toMatchObject({ leader: 'scylla', mirrorSince: undefined });
    expect(await enterStore(database.db, LEADS)).toMatchObject({ leader: 'scylla' });
  });

  test.each([OFF, FOLLOWS, READ, BACKED])('once Scylla leads, %o does not start', async (roles) => {
    await enterStore(database.db, LEADS);
    await expect(enterStore(database.db, roles)).rejects.toThrow(/in Scylla alone: set USE_SCYLLADB=true/);
    expect(await readStoreState(database.db)).toMatchObject({ leader: 'scylla' });
  });

  test('with rooms that are not in Scylla yet it neither leads nor is read', async () => {
    await addRoom();
    await expect(enterStore(database.db, LEADS)).rejects.toThrow(
      /not in Scylla yet: start with SYNC_TO_SCYLLA=true/,
    );
    await enterStore(database.db, FOLLOWS);
    await expect(enterStore(database.db, LEADS)).rejects.toThrow('npm run scylla -- migrate');
    await expect(enterStore(database.db, READ)).rejects.toThrow('npm run scylla -- migrate');
    await expect(enterStore(database.db, BACKED)).rejects.toThrow('npm run scylla -- migrate');
    expect(await readStoreState(database.db)).toMatchObject({ leader: 'postgres' });
  });

  test('after a migration that missed nothing it may', async () => {
    await addRoom();
    await enterStore(database.db, FOLLOWS);
    expect(await noteMigrated(database.db, new Date(0))).toBe(false);
    expect(await noteMigrated(database.db, new Date(Date.now() + 1000))).toBe(true);
    await enterStore(database.db, READ);
    await enterStore(database.db, BACKED);
    expect(await enterStore(database.db, LEADS)).toMatchObject({ leader: 'scylla' });
  });

  test('Scylla does not lead while it is far behind', async () => {
    await enterStore(database.db, BACKED);
    const rooms = "INSERT INTO room (type) SELECT 'group' FROM generate_series(1, $1::int)";
    await database.db.query(rooms, [1001]);
    await expect(enterStore(database.db, LEADS)).rejects.toThrow(/Scylla lacks 1001 changes still/);
    expect(await readStoreState(database.db)).toMatchObject({ leader: 'postgres' });
    await database.db.query('DELETE FROM scylla_change WHERE id IN (SELECT id FROM scylla_change LIMIT 1)');
    expect(await enterStore(database.db, LEADS)).toMatchObject({ leader: 'scylla' });
  });

  test('an instance that does not follow ends the following, and what was noted is dropped', async () => {
    await enterStore(database.db, FOLLOWS);
    await addRoom();
    expect(await changes()).toBe(1);
    expect(await noteMigrated(database.db, new Date(Date.now() + 1000))).toBe(true);
    expect(await enterStore(database.db, OFF)).toMatchObject({
      mirrorSince: undefined,
      migratedAt: undefined,
    });
    expect(await changes()).toBe(0);
    await addRoom();
    expect(await changes()).toBe(0);
    await enterStore(database.db, FOLLOWS);
    await expect(enterStore(database.db, READ)).rejects.toThrow('not everything is in Scylla yet');
  });

  test('write timestamps only grow, and are at least the present at each start', async () => {
    const next = async (): Promise<number> =>
      (await database.db.query<{ clock: number }>(`SELECT nextval('chat_clock') AS clock`, [])).rows[0]
        ?.clock ?? 0;
    const present = 1000 * (Date.now() - 60_000);
    await enterStore(database.db, FOLLOWS);
    const first = await next();
    expect(first).toBeGreaterThan(present);
    await database.db.query(`SELECT setval('chat_clock', $1::bigint)`, [first + 10 ** 12]);
    await enterStore(database.db, FOLLOWS);
    expect(await next()).toBe(first + 10 ** 12 + 1);
  });
});

describe.skipIf(inject('cassandraContactPoint') === '' || inject('postgresUrl') === '')(
  'instances of different modes',
  () => {
    let database: TestDatabase;
    let keyspace: TestKeyspace;
    const opened: Stores[] = [];

    beforeEach(async () => {
      [database, keyspace] = await Promise.all([createTestDatabase(), createTestKeyspace()]);
      for (const id of [1, 2])
        await database.db.query('INSERT INTO "user" (id, name) VALUES ($1, $2)', [id, `User ${id}`]);
    });
    afterEach(async () => {
      for (const stores of opened.splice(0)) await stores.close();
      await keyspace?.drop();
      await database?.drop();
    });

    async function open(roles: StoreRoles): Promise<Stores> {
      const logger = pino({ level: 'silent' });
      const options = { db: database.db, scylla: { ...keyspace.config, roles }, notifies: false, logger };
      const stores = await openStores(options);
      opened.push(stores);
      return stores;
    }

    test('one that still has Postgres lead can write nothing once Scylla does', async () => {
      const before = await open(BACKED);
      const { room } = await before.rooms.createRoom(newRoom([1, 2]));
      const after = await open(LEADS);
      await expect(before.rooms.saveMessage(newMessage(room.id, 1))).rejects.toMatchObject({
        reason: 'internal_server_error',
      });
      await expect(before.rooms.createRoom(newRoom([1, 2]))).rejects.toThrow('internal_server_error');
      expect((await after.rooms.saveMessage(newMessage(room.id, 1))).message.sequence).toBe(1);
      await after.rooms.updateRoom(actor(1), room.id, () => ({ room: { name: 'New' }, effects: [] }));
      expect((await after.rooms.getRoom(2, room.id, 'full'))?.name).toBe('New');
    });

    test('one that reads from Scylla stops it when another no longer follows', async () => {
      const reading = await open(BACKED);
      const { room } = await reading.rooms.createRoom(newRoom([1, 2]));
      const off = await open(OFF);
      await off.rooms.saveMessage(newMessage(room.id, 1));
      const { items } = await reading.rooms.getMessageHistory(2, room.id, {
        page: 0,
        limit: 0,
        messagesPerRoom: 10,
      });
      expect(items.map(({ sequence }) => sequence)).toEqual([1]);
      expect(
        (await reading.rooms.getRoomList(2, { page: 0, limit: 0, search: '', type: '' })).items,
      ).toMatchObject([{ lastSequence: 1, unreadCount: 1 }]);
    });

    test('one that follows later than another sees all that the other noted', async () => {
      const first = await open(FOLLOWS);
      const { room } = await first.rooms.createRoom(newRoom([1, 2]));
      await first.rooms.saveMessage(newMessage(room.id, 1, { mentions: [{ userId: 2, tag: '@two' }] }));
      const second = await open(FOLLOWS);
      await second.scylla?.follower.start();
      await expect.poll(async () => (await second.scylla?.follower.lag())?.changes).toBe(0);
      await second.scylla?.follower.stop();
      const read = await open(BACKED);
      const { items } = await read.rooms.getMessageHistory(2, room.id, {
        page: 0,
        limit: 0,
        messagesPerRoom: 10,
      });
      expect(items[0]?.mentions).toMatchObject([{ id: '2', tag: '@two' }]);
    });
  },
);
