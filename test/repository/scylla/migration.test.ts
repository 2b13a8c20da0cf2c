import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { ChatError } from '../../../src/chat/errors.ts';
import { createPgDb } from '../../../src/repository/postgres/pg-db.ts';
import {
  countForMigration,
  type MigrationOptions,
  type MigrationResult,
  migrateToScylla,
} from '../../../src/repository/scylla/migration/migration.ts';
import {
  type ValidationOptions,
  validateScylla,
} from '../../../src/repository/scylla/migration/validation.ts';
import type { Mutation, ScyllaSession } from '../../../src/repository/scylla/session.ts';
import { readStoreState } from '../../../src/repository/scylla/store-state.ts';
import { openStores } from '../../../src/repository/stores.ts';
import { writeBulkRooms } from '../../support/bulk-rooms.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createFaultySession } from '../../support/faulty-session.ts';
import { createTestKeyspace, type TestKeyspace } from '../../support/keyspace.ts';
import { actor, newMessage } from '../../support/rooms.ts';
import { everyRead } from './every-read.ts';
import { RandomChat, type Step, WEIGHTS } from './random-chat.ts';
import { openTwoStores } from './two-stores.ts';

const logger = pino({ level: 'silent' });
const FOLLOWS = { reads: false, writes: false, sync: true };
const missing = inject('cassandraContactPoint') === '' || inject('postgresUrl') === '';

describe.skipIf(missing)('the migration to Scylla', () => {
  let keyspace: TestKeyspace;
  let database: TestDatabase;
  beforeAll(async () => {
    keyspace = await createTestKeyspace();
  });
  afterAll(async () => await keyspace?.drop());
  beforeEach(async () => {
    database = await createTestDatabase();
    // Whoever looks for what only Scylla has must not find what another test left.
    for (const table of ['room_details', 'rooms_by_user'])
      await keyspace.session.define(`TRUNCATE ${keyspace.config.keyspace}.${table}`);
  });
  afterEach(async () => await database?.drop());

  test('copies everything that can happen in rooms, and again what changed without Scylla being told', async () => {
    const stores = await openTwoStores();
    try {
      await stores.db.query('UPDATE chat_store SET mirror_since = NULL');
      const chat = await RandomChat.open(stores.postgres, stores.db, 1000);
      for (const seed of [1, 2]) {
        for (const step of steps(seed, 150)) await chat.do(step);
        const { session } = stores.reads;
        expect(await migrate({ batchSize: 3 }, { db: stores.db, session })).toMatchObject({
          outcome: 'changes-unknown',
          isResumed: false,
        });
        const validated = await validateScylla({ db: stores.db, session }, ALL, () => undefined);
        expect(validated).toMatchObject({ mismatches: [], behind: [] });
        expect(validated.comparedMessages).toBeGreaterThan(20);
        const few = { ...chat, users: chat.users.slice(0, 3), messages: chat.messages.slice(-20), times: [] };
        for (const { name, ask } of everyRead(few))
          expect(await ask(stores.scylla), name).toEqual(await ask(stores.postgres));
      }
    } finally {
      await stores.close();
    }
  });

  test('keeps ids, sequences and times', async () => {
    const [roomId = ''] = await writeBulkRooms(database.db, 1, 7);
    await migrate();
    const wanted = await database.db.query<Record<string, unknown>>(
      `SELECT id, sequence::int, content, created_at, updated_at, deleted_at FROM room_message ORDER BY sequence`,
    );
    const found = await keyspace.session.read(
      `SELECT message_id AS id, sequence, content, created_at, updated_at, deleted_at FROM {ks}.messages_by_room
        WHERE room_id = ? AND bucket = 0 ORDER BY sequence ASC`,
      [roomId],
    );
    expect(found).toEqual(wanted.rows);
    expect(found).toHaveLength(7);
  });

  test('is complete only when changes were noted since before it began', async () => {
    await writeBulkRooms(database.db, 2, 3);
    expect(await migrate()).toMatchObject({ outcome: 'changes-unknown' });
    expect(await readStoreState(database.db)).toMatchObject({ migratedAt: undefined });
    const stores = await follow();
    expect(await migrate()).toMatchObject({ outcome: 'complete' });
    expect((await readStoreState(database.db)).migratedAt).toBeInstanceOf(Date);
    await stores.close();
  });

  test('a run is not complete when changes began to be noted in the middle of it', async () => {
    await writeBulkRooms(database.db, 2, 3);
    await expect(interrupted(5)).rejects.toThrow('did not answer');
    const stores = await follow();
    expect(await migrate()).toMatchObject({ isResumed: true, outcome: 'changes-unknown' });
    expect(await migrate()).toMatchObject({ isResumed: false, outcome: 'complete' });
    await stores.close();
  });

  test('never wins over a change that was made later', async () => {
    const [roomId = ''] = await writeBulkRooms(database.db, 1, 10);
    const stores = await follow();
    const session = createFaultySession(keyspace.session);
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    session.fault = () => {
      arrived.resolve();
      return { until: go.promise, fails: false };
    };
    const migration = migrate({}, { db: database.db, session });
    await arrived.promise;
    const message = await messageAt(roomId, 3);
    await stores.rooms.updateMessage(actor(4), message, () => ({ content: 'edited' }));
    await stores.rooms.reactToMessage(actor(2), await messageAt(roomId, 5), '');
    await stores.rooms.deleteMessages(actor(1), roomId, [await messageAt(roomId, 4)], () => undefined);
    await stores.rooms.updateRoom(actor(1), roomId, () => ({
      room: { name: 'New' },
      remove: [2],
      effects: [],
    }));
    await stores.rooms.saveMessage(newMessage(roomId, 1));
    await expect.poll(pending).toBe(0);
    go.resolve();
    expect(await migration).toMatchObject({ outcome: 'complete' });
    expect(await validate()).toMatchObject({ mismatches: [], behind: [] });
    await stores.close();
  });

  test('waits for those who are changing a room', async () => {
    const [roomId = ''] = await writeBulkRooms(database.db, 1, 3);
    const other = createPgDb({ url: database.url, maxConnections: 1, logger });
    const migration = await other.transaction(async (tx) => {
      await tx.query(`UPDATE room SET name = 'Changed' WHERE id = $1`, [roomId]);
      const migrating = migrate();
      const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      await expect.poll(async () => (await tx.query(waiting)).rowCount).toBeGreaterThan(0);
      // Not awaited here: it waits for this transaction.
      return { migrating };
    });
    await migration.migrating;
    await other.close();
    const [details] = await keyspace.session.read<{ name: string }>(
      'SELECT name FROM {ks}.room_details WHERE room_id = ?',
      [roomId],
    );
    expect(details?.name).toBe('Changed');
  });

  test('goes on where it was, with the same clock, and begins anew when all was done', async () => {
    const rooms = await writeBulkRooms(database.db, 3, 40);
    const one = { batchSize: 10, workers: 1 };
    await expect(interrupted(15, one)).rejects.toThrow('did not answer');
    const before = await checkpoints();
    expect(before.filter(({ done }) => done)).toHaveLength(1);
    expect(before.filter(({ sequence, done }) => sequence > 0 && !done)).toHaveLength(1);
    const [later = ''] = await writeBulkRooms(database.db, 1, 5);

    const gone: number[] = [];
    const result = await migrate(one, undefined, (messages) => gone.push(messages));
    expect(result).toMatchObject({
      isResumed: true,
      migrated: { rooms: 4, roomsDone: 4, messagesDone: 125 },
    });
    expect(gone.at(0)).toBeGreaterThanOrEqual(40);
    const after = await checkpoints();
    expect(after.map(({ room_id }) => room_id)).toEqual([...rooms, later].sort());
    for (const { room_id, clock, sequence } of before) {
      const known = after.find((row) => row.room_id === room_id);
      if (sequence > 0) expect(known?.clock).toBe(clock);
    }
    expect(await validate()).toMatchObject({ mismatches: [] });

    expect(await migrate(one)).toMatchObject({ isResumed: false, migrated: { messagesDone: 125 } });
    expect(await validate()).toMatchObject({ mismatches: [] });
  });

  test('waits for a store that is away for a while', async () => {
    await writeBulkRooms(database.db, 2, 20);
    const session = createFaultySession(keyspace.session);
    let writes = 0;
    session.fault = () => ({ fails: ++writes % 4 === 0 });
    let waits = 0;
    const observer = {
      progress: () => undefined,
      skipped: () => undefined,
      waiting: () => {
        waits += 1;
      },
    };
    const result = await migrateToScylla({ db: database.db, session }, { ...PLAIN, workers: 1 }, observer);
    expect(result).toMatchObject({ outcome: 'changes-unknown', migrated: { roomsDone: 2 } });
    expect(waits).toBeGreaterThan(0);
    expect(await validate()).toMatchObject({ mismatches: [] });
  });

  test('leaves out a message that Scylla refuses, tells which, and takes its room again', async () => {
    const [roomId = ''] = await writeBulkRooms(database.db, 1, 30);
    const id = await messageAt(roomId, 17);
    await database.db.query(`UPDATE room_message SET sender_message_id = repeat('x', 70000) WHERE id = $1`, [
      id,
    ]);
    const skipped: string[] = [];
    const result = await migrate({ batchSize: 20 }, undefined, undefined, skipped);
    expect(result).toMatchObject({ outcome: 'incomplete', skippedMessages: 1, skippedRooms: 0 });
    expect(skipped).toHaveLength(1);
    expect(skipped[0]).toContain(`message ${id} was skipped`);
    expect(skipped[0]).not.toContain('xxx');
    expect((await validate()).mismatches).toEqual([`message mismatch for ID ${id}: unreadable`]);

    await database.db.query(`UPDATE room_message SET sender_message_id = 'short' WHERE id = $1`, [id]);
    const again = { isResumed: true, outcome: 'changes-unknown', skippedMessages: 0 };
    expect(await migrate()).toMatchObject(again);
    expect(await validate()).toMatchObject({ mismatches: [] });
  });

  test('leaves out a room that Scylla refuses, tells which, and takes it again', async () => {
    const [first = '', second = ''] = await writeBulkRooms(database.db, 2, 5);
    const session = refusing(keyspace.session, ({ partition }) => partition === `details ${first}`);
    const skipped: string[] = [];
    const result = await migrate({}, { db: database.db, session }, undefined, skipped);
    expect(result).toMatchObject({ outcome: 'incomplete', skippedRooms: 1, migrated: { roomsDone: 1 } });
    expect(skipped).toEqual([expect.stringContaining(`room ${first} was skipped`)]);
    expect(await messagesOf(second)).toBe(5);
    expect(await migrate()).toMatchObject({ isResumed: true, outcome: 'changes-unknown' });
    expect(await validate()).toMatchObject({ mismatches: [] });
  });

  test('copies one room, or a period, and notes nothing as complete', async () => {
    const [first = '', second = ''] = await writeBulkRooms(database.db, 2, 20);
    const stores = await follow();
    expect(await migrate({ roomId: second })).toMatchObject({
      outcome: 'partial',
      migrated: { rooms: 1, roomsDone: 1, messages: 20, messagesDone: 20 },
    });
    expect([await messagesOf(first), await messagesOf(second)]).toEqual([0, 20]);
    const times = await database.db.query<{ at: Date }>(
      'SELECT created_at AS at FROM room_message WHERE room_id = $1 ORDER BY sequence',
      [first],
    );
    const iso = (sequence: number): string | undefined => times.rows[sequence - 1]?.at.toISOString();
    const period = { since: iso(6), until: iso(9) };
    expect(await migrate(period)).toMatchObject({ outcome: 'partial', migrated: { messagesDone: 6 } });
    expect([await messagesOf(first), await messagesOf(second)]).toEqual([3, 20]);
    expect(await validate(period)).toMatchObject({
      mismatches: [],
      comparedMessages: 6,
    });
    expect(await readStoreState(database.db)).toMatchObject({ migratedAt: undefined });
    expect(await checkpoints()).toEqual([]);
    await expect(migrate({ roomId: randomUUID() })).rejects.toThrow('there is no room');
    await stores.close();
  });

  test('a room that is migrated between is not spoiled by the run that goes on', async () => {
    await writeBulkRooms(database.db, 1, 40);
    const one = { batchSize: 10, workers: 1 };
    await expect(interrupted(6, one)).rejects.toThrow('did not answer');
    const [room] = await checkpoints();
    expect(room?.sequence).toBeGreaterThan(0);
    await migrate({ ...one, roomId: room?.room_id });
    await database.db.query(
      `INSERT INTO room_message (id, room_id, sequence, sender_id) VALUES (gen_random_uuid(), $1, 41, 1)`,
      [room?.room_id],
    );
    await database.db.query('UPDATE room SET last_sequence = 41');
    expect(await migrate(one)).toMatchObject({ isResumed: true });
    expect(await validate()).toMatchObject({ mismatches: [] });
  });

  test('replaces what is there in each part of a large room', async () => {
    const [roomId = ''] = await writeBulkRooms(database.db, 1, 10_020);
    await migrate();
    for (const bucket of [0, 1]) {
      const sequence = bucket * 10_000 + 3;
      const at = [roomId, bucket, new Date(), sequence];
      const planted = [
        'INSERT INTO {ks}.messages_by_update (room_id, bucket, updated_at, sequence) VALUES (?, ?, ?, ?)',
        'INSERT INTO {ks}.messages_by_sender (room_id, bucket, sender_id, sequence) VALUES (?, ?, 9, ?)',
      ].map((query, index) => ({ partition: 'p', query, params: index === 0 ? at : at.toSpliced(2, 1) }));
      await keyspace.session.write(planted);
    }
    expect((await validate({ samples: 1 })).mismatches).toHaveLength(6);
    await migrate({ batchSize: 10_000 });
    expect(await validate({ samples: 300 })).toMatchObject({ mismatches: [], comparedMessages: 300 });
  });

  test('counts what there is to migrate, and writes nothing', async () => {
    const [roomId = ''] = await writeBulkRooms(database.db, 2, 20);
    const all = { roomId: undefined, since: undefined, until: undefined };
    const counted = { rooms: 2, members: 8, messages: 40, reactions: 8, positions: 12 };
    expect(await countForMigration(database.db, all)).toEqual(counted);
    expect(await countForMigration(database.db, { ...all, roomId })).toMatchObject({
      rooms: 1,
      messages: 20,
    });
    expect(await messagesOf(roomId)).toBe(0);
    expect(await checkpoints()).toEqual([]);
  });

  test('one at a time runs', async () => {
    await writeBulkRooms(database.db, 1, 5);
    const session = createFaultySession(keyspace.session);
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    session.fault = () => {
      arrived.resolve();
      return { until: go.promise, fails: false };
    };
    const first = migrate({}, { db: database.db, session });
    await arrived.promise;
    await expect(migrate()).rejects.toThrow('another migration to Scylla is running');
    go.resolve();
    expect(await first).toMatchObject({ outcome: 'changes-unknown' });
  });

  test('refuses when rooms are in Scylla alone', async () => {
    await database.db.query(`UPDATE chat_store SET leader = 'scylla'`);
    await expect(migrate()).rejects.toThrow('in Scylla alone');
  });

  test('is consistent while everybody writes', async () => {
    const rooms = await writeBulkRooms(database.db, 6, 300);
    const stores = await follow();
    const ended = new AbortController();
    let written = 0;
    const chatting = rooms.map(async (roomId) => {
      const own: string[] = [];
      for (let turn = 0; !ended.signal.aborted; turn += 1) {
        const { message } = await stores.rooms.saveMessage(
          newMessage(roomId, 1 + (turn % 2), {
            mentions: [{ userId: 3, tag: '@3' }],
            senderMessageId: randomUUID(),
          }),
        );
        own.push(message.id);
        const some = own[turn % own.length] ?? message.id;
        const old = await messageAt(roomId, 2 + 5 * (turn % 50));
        await stores.rooms.reactToMessage(actor(4), old, turn % 3 === 0 ? '' : `r${turn % 4}`);
        await stores.rooms.updateMessage(actor(1 + (own.indexOf(some) % 2)), some, () => ({
          content: `${turn}`,
        }));
        await stores.rooms.markMessagesAsRead(actor(4), roomId, [message.id], new Date().toISOString());
        await stores.rooms.pinRoom(actor(3), roomId);
        const role = turn % 2 === 0 ? ('ADMIN' as const) : ('MEMBER' as const);
        await stores.rooms.updateRoom(actor(1), roomId, () => ({
          room: { name: `Name ${turn}` },
          roles: new Map([[3, role]]),
          effects: [],
        }));
        written += 1;
      }
    });
    const all = Promise.all(chatting);
    const result = await migrate({ batchSize: 50, workers: 3 });
    ended.abort();
    await all;
    expect(result).toMatchObject({ outcome: 'complete' });
    expect(written).toBeGreaterThan(6);
    await expect.poll(pending).toBe(0);
    expect(await validate()).toMatchObject({ mismatches: [], behind: [] });
    await stores.close();
  });

  const PLAIN: MigrationOptions = {
    ...{ batchSize: 1000, workers: 4, since: undefined, until: undefined, roomId: undefined },
    outageMs: 5_000,
  };
  const ALL = { samples: 100_000, workers: 4, since: undefined, until: undefined, roomId: undefined };

  async function migrate(
    options: Partial<MigrationOptions> = {},
    deps: Parameters<typeof migrateToScylla>[0] = { db: database.db, session: keyspace.session },
    onProgress: (messagesDone: number) => void = () => undefined,
    skipped: string[] = [],
  ): Promise<MigrationResult> {
    return await migrateToScylla(
      deps,
      { ...PLAIN, ...options },
      {
        progress: ({ messagesDone }) => onProgress(messagesDone),
        skipped: (text) => void skipped.push(text),
        waiting: () => undefined,
      },
    );
  }

  /** A migration that meets an outage after so many writes. */
  async function interrupted(writes: number, options: Partial<MigrationOptions> = {}): Promise<void> {
    const session = createFaultySession(keyspace.session);
    let count = 0;
    session.fault = () => {
      count += 1;
      if (count >= writes) session.isAway = true;
      return undefined;
    };
    await migrate({ outageMs: 1, ...options }, { db: database.db, session });
  }

  async function validate(options: Partial<ValidationOptions> = {}): ReturnType<typeof validateScylla> {
    const deps = { db: database.db, session: keyspace.session };
    return await validateScylla(deps, { ...ALL, ...options }, () => undefined);
  }

  /** A service that notes every change, and brings it to Scylla. */
  async function follow(): Promise<Awaited<ReturnType<typeof openStores>>> {
    const scylla = { ...keyspace.config, roles: FOLLOWS };
    const stores = await openStores({ db: database.db, scylla, notifies: false, logger });
    await stores.scylla?.follower.start();
    return {
      ...stores,
      async close() {
        await stores.scylla?.follower.stop();
        await stores.close();
      },
    };
  }

  async function pending(): Promise<number> {
    return (await database.db.query('SELECT FROM scylla_change')).rowCount;
  }

  async function messageAt(roomId: string, sequence: number): Promise<string> {
    const { rows } = await database.db.query<{ id: string }>(
      'SELECT id FROM room_message WHERE room_id = $1 AND sequence = $2',
      [roomId, sequence],
    );
    return rows[0]?.id ?? '';
  }

  async function messagesOf(roomId: string): Promise<number> {
    const query = 'SELECT sequence FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = 0';
    return (await keyspace.session.read(query, [roomId])).length;
  }

  async function checkpoints(): Promise<
    { room_id: string; clock: number; sequence: number; done: boolean }[]
  > {
    const query = 'SELECT room_id, clock, sequence, done FROM scylla_migration ORDER BY room_id';
    return (
      await database.db.query<{ room_id: string; clock: number; sequence: number; done: boolean }>(query)
    ).rows;
  }
});

/** A session that refuses some mutations, as Cassandra does with what it can't take. */
function refusing(session: ScyllaSession, refuses: (mutation: Mutation) => boolean): ScyllaSession {
  return {
    ...session,
    async write(mutations) {
      if (mutations.some(refuses)) throw new ChatError('internal_server_error', { cause: new Error('no') });
      await session.write(mutations);
    },
  };
}

/** What happens in a chat, always the same for the same seed. */
function* steps(seed: number, count: number): Generator<Step> {
  const kinds = Object.entries(WEIGHTS).flatMap(([kind, weight]) => Array<string>(weight).fill(kind));
  let state = seed;
  const number = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(state / 65_536) % 1_000;
  };
  for (let index = 0; index < count; index += 1) {
    const kind = kinds[number() % kinds.length] as Step['kind'];
    yield { kind, numbers: [number(), number(), number(), number()] };
  }
}
