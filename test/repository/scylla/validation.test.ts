import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { migrateToScylla } from '../../../src/repository/scylla/migration/migration.ts';
import { createReservoir } from '../../../src/repository/scylla/migration/sample.ts';
import {
  type ValidationOptions,
  validateScylla,
} from '../../../src/repository/scylla/migration/validation.ts';
import { openStores } from '../../../src/repository/stores.ts';
import { writeBulkRooms } from '../../support/bulk-rooms.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createTestKeyspace, type TestKeyspace } from '../../support/keyspace.ts';
import { actor } from '../../support/rooms.ts';

const missing = inject('cassandraContactPoint') === '' || inject('postgresUrl') === '';
const SECRET = 'a secret text';
/** What only Scylla has. */
const STRANGER = randomUUID();

/** A message of PostgreSQL, and where it is. */
interface Place {
  readonly id: string;
  readonly sequence: number;
  readonly sender: number;
  readonly created: Date;
  readonly updated: Date;
}

/** A mismatch: statements of CQL that make it, and what is said of it. */
interface Plant {
  readonly name: string;
  make(): readonly Statement[];
  tells(): readonly string[];
  /** For what a migration can't know. */
  undo?(): readonly Statement[];
}

type Statement = readonly [query: string, params: readonly unknown[]];

describe.skipIf(missing)('the validation of Scylla', () => {
  let keyspace: TestKeyspace;
  let database: TestDatabase;
  let roomId = '';
  let messages: readonly Place[] = [];
  beforeAll(async () => {
    [keyspace, database] = await Promise.all([createTestKeyspace(), createTestDatabase()]);
    [roomId = ''] = await writeBulkRooms(database.db, 3, 20);
    const { rows } = await database.db.query<Place>(
      `SELECT id, sequence::int, sender_id AS sender, created_at AS created, updated_at AS updated
        FROM room_message WHERE room_id = $1 ORDER BY sequence`,
      [roomId],
    );
    messages = rows;
    await migrate();
  });
  afterAll(async () => {
    await keyspace?.drop();
    await database?.drop();
  });

  test('finds nothing when both stores agree', async () => {
    const counts = { rooms: 3, participants: 12, messages: 60, reactions: 12, positions: 18 };
    expect(await validate()).toEqual({
      ...{ postgres: counts, scylla: counts, mismatches: [], untold: 0, behind: [] },
      ...{ comparedMessages: 60, comparedRooms: 3 },
    });
  });

  test('compares as many as it is told', async () => {
    const result = await validate({ samples: 7 });
    expect(result).toMatchObject({ mismatches: [], comparedMessages: 7, comparedRooms: 3 });
    expect(await validate({ roomId })).toMatchObject({ comparedMessages: 20, comparedRooms: 1 });
    await expect(validate({ roomId: randomUUID() })).rejects.toThrow('there is no room');
  });

  const at = (sequence: number): Place => messages[sequence - 1] as Place;
  const tellsOf = (sequence: number, fields: string): string[] => [
    `message mismatch for ID ${at(sequence).id}: ${fields}`,
  ];
  const inBucket = 'room_id = ? AND bucket = 0';
  const setMessage = (sequence: number, what: string, value: unknown): Statement => [
    `UPDATE {ks}.messages_by_room SET ${what} = ? WHERE ${inBucket} AND sequence = ?`,
    [value, roomId, sequence],
  ];
  const setRoom = (what: string, value: unknown): Statement => [
    `UPDATE {ks}.room_details SET ${what} = ? WHERE room_id = ?`,
    [value, roomId],
  ];
  const putUpdate = (place: Place, updated: Date): Statement => [
    'INSERT INTO {ks}.messages_by_update (room_id, bucket, updated_at, sequence, created_at, deleted) VALUES (?, 0, ?, ?, ?, ?)',
    [roomId, updated, place.sequence, place.created, place.sequence % 5 === 1],
  ];
  const dropUpdate = (place: Place): Statement => [
    `DELETE FROM {ks}.messages_by_update WHERE ${inBucket} AND updated_at = ? AND sequence = ?`,
    [roomId, place.updated, place.sequence],
  ];
  const shifted = (date: Date): Date => new Date(date.getTime() + 1);
  const field = (name: string, column: string, value: () => unknown): Plant => ({
    name,
    make: () => [setMessage(3, column, value())],
    tells: () => tellsOf(3, column),
  });
  const ofUser = (user: number, fields: string): string[] => [
    `participant mismatch for room ${roomId} user ${user}: ${fields}`,
  ];
  const joined = (user: number): Date => new Date(Date.parse('2024-01-01T00:00:00Z') + user * 1000);

  const plants: readonly Plant[] = [
    {
      name: 'a missing message',
      make: () => [[`DELETE FROM {ks}.messages_by_room WHERE ${inBucket} AND sequence = 3`, [roomId]]],
      tells: () => ['message count mismatch: pg=60, scylla=59', ...tellsOf(3, 'missing')],
    },
    {
      name: 'an extra message',
      make: () => [
        [
          'INSERT INTO {ks}.messages_by_room (room_id, bucket, sequence, message_id) VALUES (?, 0, 21, ?)',
          [roomId, STRANGER],
        ],
      ],
      tells: () => [
        'message count mismatch: pg=60, scylla=61',
        `message mismatch for ID ${STRANGER}: not in PostgreSQL as sequence 21 of room ${roomId}`,
      ],
    },
    field('another content', 'content', () => SECRET),
    field('another sender', 'sender_id', () => 9),
    field('another type', 'type', () => 'system_message'),
    field('another time of creation', 'created_at', () => shifted(at(3).created)),
    field('another time of change', 'updated_at', () => shifted(at(3).updated)),
    field('another file', 'file_url', () => SECRET),
    field('a message that is not deleted', 'deleted_at', () => new Date()),
    field('a flag for reactions that never were', 'has_reactions', () => true),
    {
      name: 'a message in two places at once',
      make: () => [setMessage(4, 'message_id', at(3).id)],
      tells: () => tellsOf(4, 'message_id'),
    },
    {
      name: 'another place',
      make: () => [['UPDATE {ks}.room_by_message SET sequence = 4 WHERE message_id = ?', [at(3).id]]],
      tells: () => tellsOf(3, 'room_by_message'),
    },
    {
      name: 'a missing place',
      make: () => [['DELETE FROM {ks}.room_by_message WHERE message_id = ?', [at(3).id]]],
      tells: () => tellsOf(3, 'room_by_message'),
    },
    {
      name: 'a missing key row',
      make: () => [
        [
          'DELETE FROM {ks}.message_by_sender_message_id WHERE sender_id = ? AND sender_message_id = ?',
          [at(3).sender, `${roomId} 3`],
        ],
      ],
      tells: () => tellsOf(3, 'message_by_sender_message_id'),
    },
    {
      name: 'a missing sent row',
      make: () => [
        [
          `DELETE FROM {ks}.messages_by_sender WHERE ${inBucket} AND sender_id = ? AND sequence = 3`,
          [roomId, at(3).sender],
        ],
      ],
      tells: () => tellsOf(3, 'messages_by_sender'),
    },
    {
      name: 'a wrong update row',
      make: () => [dropUpdate(at(3)), putUpdate(at(3), shifted(at(3).updated))],
      tells: () => tellsOf(3, 'messages_by_update'),
    },
    {
      name: 'an old update row that was left',
      make: () => [putUpdate(at(3), shifted(at(3).updated))],
      tells: () => [
        `messages_by_update count mismatch for room ${roomId}: pg=20, scylla=21`,
        ...tellsOf(3, 'messages_by_update'),
      ],
    },
    {
      name: 'a missing deleted row',
      make: () => [
        [
          'DELETE FROM {ks}.deleted_messages_by_room WHERE room_id = ? AND bucket = 0 AND sequence = 6',
          [roomId],
        ],
      ],
      tells: () => tellsOf(6, 'deleted_messages_by_room'),
    },
    {
      name: 'an extra deleted row',
      make: () => [
        [
          'INSERT INTO {ks}.deleted_messages_by_room (room_id, bucket, sequence, sender_id) VALUES (?, 0, 3, 1)',
          [roomId],
        ],
      ],
      tells: () => tellsOf(3, 'deleted_messages_by_room'),
    },
    {
      name: 'a missing reaction',
      make: () => [
        ['DELETE FROM {ks}.reactions_by_message WHERE message_id = ? AND user_id = 2', [at(5).id]],
      ],
      tells: () => ['reaction count mismatch: pg=12, scylla=11', ...tellsOf(5, 'reactions')],
    },
    {
      name: 'a reaction that is shown to nobody',
      make: () => [setMessage(5, 'has_reactions', null)],
      tells: () => tellsOf(5, 'has_reactions'),
    },
    {
      name: 'an extra reaction',
      make: () => [
        [
          'INSERT INTO {ks}.reactions_by_message (message_id, user_id, reaction) VALUES (?, 3, ?)',
          [at(5).id, SECRET],
        ],
      ],
      tells: () => ['reaction count mismatch: pg=12, scylla=13', ...tellsOf(5, 'reactions')],
    },
    {
      name: 'a reaction where never was one',
      make: () => [
        [
          'INSERT INTO {ks}.reactions_by_message (message_id, user_id, reaction) VALUES (?, 3, ?)',
          [at(3).id, SECRET],
        ],
      ],
      tells: () => tellsOf(3, 'reactions'),
      undo: () => [['DELETE FROM {ks}.reactions_by_message WHERE message_id = ?', [at(3).id]]],
    },
    {
      name: 'another reaction',
      make: () => [
        [
          'UPDATE {ks}.reactions_by_message SET reaction = ? WHERE message_id = ? AND user_id = 2',
          [SECRET, at(5).id],
        ],
      ],
      tells: () => tellsOf(5, 'reactions'),
    },
    {
      name: 'a wrong mention',
      make: () => [
        [
          `UPDATE {ks}.messages_by_room SET mentions = mentions + {(4, '@four')} WHERE ${inBucket} AND sequence = 7`,
          [roomId],
        ],
      ],
      tells: () => tellsOf(7, 'mentions'),
    },
    {
      name: 'a missing mention',
      make: () => [setMessage(7, 'mentions', null)],
      tells: () => tellsOf(7, 'mentions'),
    },
    {
      name: 'another name and type of a room',
      make: () => [setRoom('name', SECRET), setRoom('type', 'channel')],
      tells: () => [`room mismatch for ID ${roomId}: name, type`],
    },
    {
      name: 'another reader',
      make: () => [setRoom('reader1_id', 7)],
      tells: () => [`room mismatch for ID ${roomId}: reader1_id`],
    },
    {
      name: 'another last bucket',
      make: () => [setRoom('last_bucket', 1)],
      tells: () => [`room mismatch for ID ${roomId}: last_bucket`],
    },
    {
      name: 'a missing room',
      make: () => [['DELETE FROM {ks}.room_details WHERE room_id = ?', [roomId]]],
      tells: () => ['room count mismatch: pg=3, scylla=2', `room mismatch for ID ${roomId}: missing`],
    },
    {
      name: 'an extra room',
      make: () => [[`INSERT INTO {ks}.room_details (room_id, type) VALUES (?, 'group')`, [STRANGER]]],
      tells: () => [
        'room count mismatch: pg=3, scylla=4',
        `room mismatch for ID ${STRANGER}: not in PostgreSQL`,
      ],
      undo: () => [['DELETE FROM {ks}.room_details WHERE room_id = ?', [STRANGER]]],
    },
    {
      name: 'another role',
      make: () => [
        [`UPDATE {ks}.participants_by_room SET role = 'OWNER' WHERE room_id = ? AND user_id = 2`, [roomId]],
      ],
      tells: () => ofUser(2, 'role'),
    },
    {
      name: 'a missing participant',
      make: () => [['DELETE FROM {ks}.participants_by_room WHERE room_id = ? AND user_id = 4', [roomId]]],
      tells: () => ['participant count mismatch: pg=12, scylla=11', ...ofUser(4, 'missing')],
    },
    {
      name: 'an extra participant',
      make: () => [[`INSERT INTO {ks}.participants_by_room (room_id, user_id) VALUES (?, 77)`, [roomId]]],
      tells: () => ['participant count mismatch: pg=12, scylla=13', ...ofUser(77, 'not in PostgreSQL')],
    },
    {
      name: 'a participant who is missing in the list of his rooms',
      make: () => [['DELETE FROM {ks}.rooms_by_user WHERE user_id = 3 AND room_id = ?', [roomId]]],
      tells: () => ofUser(3, 'rooms_by_user'),
    },
    {
      name: 'another flag in the list of his rooms',
      make: () => [
        ['UPDATE {ks}.rooms_by_user SET is_muted = true WHERE user_id = 3 AND room_id = ?', [roomId]],
      ],
      tells: () => ofUser(3, 'rooms_by_user.is_muted'),
    },
    {
      name: 'an extra room in the list of a user',
      make: () => [
        [`INSERT INTO {ks}.rooms_by_user (user_id, room_id, role) VALUES (99, ?, 'OWNER')`, [roomId]],
      ],
      tells: () => ofUser(99, 'rooms_by_user, not in PostgreSQL'),
      undo: () => [['DELETE FROM {ks}.rooms_by_user WHERE user_id = 99', []]],
    },
    {
      name: 'an extra join row',
      make: () => [
        [
          'INSERT INTO {ks}.participants_by_join (room_id, joined_at, user_id) VALUES (?, ?, 3)',
          [roomId, joined(9)],
        ],
      ],
      tells: () => [
        `participants_by_join count mismatch for room ${roomId}: pg=4, scylla=5`,
        ...ofUser(3, 'participants_by_join'),
      ],
    },
    {
      name: 'a missing join row',
      make: () => [
        [
          'DELETE FROM {ks}.participants_by_join WHERE room_id = ? AND joined_at = ? AND user_id = 3',
          [roomId, joined(3)],
        ],
      ],
      tells: () => ofUser(3, 'participants_by_join'),
    },
    {
      name: 'another role in the list of staff',
      make: () => [
        [`UPDATE {ks}.staff_by_room SET role = 'OWNER' WHERE room_id = ? AND user_id = 2`, [roomId]],
      ],
      tells: () => ofUser(2, 'staff_by_room'),
    },
    {
      name: 'an extra one in the list of staff',
      make: () => [
        [`INSERT INTO {ks}.staff_by_room (room_id, user_id, role) VALUES (?, 88, 'OWNER')`, [roomId]],
      ],
      tells: () => ofUser(88, 'staff_by_room'),
    },
    {
      name: 'a missing read position',
      make: () => [
        [
          'DELETE FROM {ks}.read_positions_by_member WHERE room_id = ? AND user_id = 1 AND sequence = 2',
          [roomId],
        ],
      ],
      tells: () => [
        'read position count mismatch: pg=18, scylla=17',
        ...ofUser(1, 'read_positions_by_member'),
      ],
    },
    {
      name: 'another time of reading',
      make: () => [
        [
          'UPDATE {ks}.read_positions_by_member SET read_at = ? WHERE room_id = ? AND user_id = 1 AND sequence = 2',
          [new Date(), roomId],
        ],
      ],
      tells: () => ofUser(1, 'read_positions_by_member'),
    },
  ];

  test.each(plants)('finds $name', async ({ make, tells, undo }) => {
    await run(make());
    const { mismatches, behind } = await validate();
    expect(mismatches).toEqual(expect.arrayContaining([...tells()]));
    expect(mismatches.join()).not.toContain(SECRET);
    expect(behind).toEqual([]);
    // The totals are said first.
    const totals = tells().filter((text) => / count mismatch: /.test(text));
    expect(mismatches.slice(0, totals.length)).toEqual(totals);
    // A migration repairs all but what PostgreSQL never heard of.
    if (undo !== undefined) await run(undo());
    await migrate();
    expect((await validate()).mismatches).toEqual([]);
  });

  test('finds extra and missing rows without comparing anything in full', async () => {
    await run([
      [`DELETE FROM {ks}.messages_by_room WHERE ${inBucket} AND sequence = 3`, [roomId]],
      putUpdate(at(4), shifted(at(4).updated)),
    ]);
    const { mismatches } = await validate({ samples: 1 });
    expect(mismatches).toEqual(
      expect.arrayContaining([
        'message count mismatch: pg=60, scylla=59',
        ...tellsOf(3, 'missing'),
        ...tellsOf(4, 'messages_by_update'),
      ]),
    );
    await migrate();
  });

  test('tells of changes that Scylla lacks as being behind, until it has them', async () => {
    const scylla = { ...keyspace.config, roles: { reads: false, writes: false, sync: true } };
    const logger = pino({ level: 'silent' });
    const stores = await openStores({ db: database.db, scylla, notifies: false, logger });
    await stores.rooms.updateMessage(actor(4), at(3).id, () => ({ content: 'edited' }));
    const result = await validate({ patienceMs: 1 });
    expect(result).toMatchObject({ mismatches: [], behind: [roomId] });
    await stores.scylla?.follower.start();
    expect(await validate()).toMatchObject({ mismatches: [], behind: [] });
    await stores.scylla?.follower.stop();
    await stores.close();
  });

  test('refuses when rooms are in Scylla alone', async () => {
    await database.db.query(`UPDATE chat_store SET leader = 'scylla', mirror_since = NULL`);
    await expect(validate()).rejects.toThrow('in Scylla alone');
    await database.db.query(`UPDATE chat_store SET leader = 'postgres'`);
  });

  async function run(statements: readonly Statement[]): Promise<void> {
    for (const [query, params] of statements) {
      await keyspace.session.write([{ partition: 'planted', query, params }]);
    }
  }

  async function migrate(): Promise<void> {
    const options = { batchSize: 7, workers: 2, since: undefined, until: undefined, roomId: undefined };
    const silent = { progress: () => undefined, skipped: () => undefined, waiting: () => undefined };
    await migrateToScylla({ db: database.db, session: keyspace.session }, options, silent);
  }

  async function validate(options: Partial<ValidationOptions> = {}): ReturnType<typeof validateScylla> {
    const all = { samples: 1000, workers: 2, since: undefined, until: undefined, roomId: undefined };
    return await validateScylla(
      { db: database.db, session: keyspace.session },
      { ...all, ...options },
      () => undefined,
    );
  }
});

describe('a random sample', () => {
  test('has all that is offered when that is no more than fits', () => {
    const sample = createReservoir<number>(5);
    for (const item of [1, 2, 3, 4, 5]) sample.offer(() => item);
    expect(sample.items()).toEqual([1, 2, 3, 4, 5]);
  });

  test('has each item with the same chance, and none twice', () => {
    const times = Array.from({ length: 20 }, () => 0);
    for (let round = 0; round < 2_000; round += 1) {
      const sample = createReservoir<number>(5);
      for (let item = 0; item < 20; item += 1) sample.offer(() => item);
      expect(new Set(sample.items()).size).toBe(5);
      for (const item of sample.items()) times[item] = (times[item] ?? 0) + 1;
    }
    // 500 each, give or take ten standard deviations.
    for (const count of times) expect(Math.abs(count - 500)).toBeLessThan(200);
  });
});
