import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CommitSignal } from '../../../src/repository/postgres/commit-signal.ts';
import { loadMessages } from '../../../src/repository/postgres/message-rows.ts';
import { createPostgresOutbox } from '../../../src/repository/postgres/outbox.ts';
import { createPostgresRoomsRepository } from '../../../src/repository/postgres/postgres-rooms-repository.ts';
import type { RoomsRepository } from '../../../src/repository/rooms-repository.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type ExplainingDb, nodesOf, openExplainingDb } from '../../support/explaining-db.ts';
import { actor, SeededRooms } from '../../support/seeded-rooms.ts';
import { messageId, ROOMS, roomId, seedLargeDatabase, USERS } from './explain-seed.ts';

const BIG = roomId(1);
const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString();
const PAGE = { page: 2, limit: 50 };
const ROOM_LIST = { page: 0, limit: 0, search: '', type: '' };
const HISTORY = { page: 1, limit: 50, messagesPerRoom: 0 };

type Call = readonly [name: string, run: (rooms: RoomsRepository) => Promise<unknown>];

const READS: readonly Call[] = [
  ['a full room', (rooms) => rooms.getRoom(1, BIG, 'full')],
  ['a light room', (rooms) => rooms.getRoom(1, BIG, 'light')],
  ['a room list', (rooms) => rooms.getRoomList(1, ROOM_LIST)],
  ['a page of a room list', (rooms) => rooms.getRoomList(1, { ...ROOM_LIST, ...PAGE })],
  [
    'a filtered room list',
    (rooms) => rooms.getRoomList(1, { ...ROOM_LIST, search: 'Röom 1', type: 'group', since: YESTERDAY }),
  ],
  ['rooms that are gone', (rooms) => rooms.getDeletedRoomIds(1, YESTERDAY)],
  ['memberships', (rooms) => rooms.getMemberships(1)],
  ['participants', (rooms) => rooms.getRoomParticipants(BIG, { ...PAGE, search: '' })],
  ['searched participants', (rooms) => rooms.getRoomParticipants(BIG, { ...PAGE, search: 'user' })],
  ['active members', (rooms) => rooms.getActiveMembers(BIG, [1, 2, 3])],
  ['a message', (rooms) => rooms.getMessage(1, messageId(1, 500))],
  ['a sender’s message', (rooms) => rooms.getSenderMessageStatus(1, 'm1-500')],
  ['a history', (rooms) => rooms.getMessageHistory(1, BIG, HISTORY)],
  ['a far page of a history', (rooms) => rooms.getMessageHistory(1, BIG, { ...HISTORY, page: 300 })],
  [
    'the newest of a room',
    (rooms) => rooms.getMessageHistory(1, roomId(7), { ...HISTORY, messagesPerRoom: 100 }),
  ],
  [
    'a history before a message',
    (rooms) => rooms.getMessageHistory(1, BIG, { ...HISTORY, beforeMessageId: messageId(1, 20_000) }),
  ],
  [
    'a history between messages',
    (rooms) =>
      rooms.getMessageHistory(1, BIG, {
        ...HISTORY,
        beforeMessageId: messageId(1, 20_000),
        afterMessageId: messageId(1, 100),
      }),
  ],
  [
    'a history after a date',
    (rooms) => rooms.getMessageHistory(1, BIG, { ...HISTORY, afterDate: YESTERDAY }),
  ],
  [
    'a history before a date',
    (rooms) => rooms.getMessageHistory(1, BIG, { ...HISTORY, beforeDate: YESTERDAY }),
  ],
  ['a synchronisation from nothing', (rooms) => rooms.getMessagesForSync(1, { perRoom: 100 })],
  ['a synchronisation without a cap', (rooms) => rooms.getMessagesForSync(1, { perRoom: 0 })],
  ['a synchronisation', (rooms) => rooms.getMessagesForSync(1, { after: YESTERDAY, perRoom: 100 })],
  [
    'a recent synchronisation',
    (rooms) => rooms.getMessagesForSync(1, { createdAfter: YESTERDAY, perRoom: 0 }),
  ],
  ['readers', (rooms) => rooms.getMessageRead(messageId(1, 500), PAGE)],
  ['reactions', (rooms) => rooms.getMessageReactions(messageId(1, 500), PAGE)],
];

/** Each with the key of its run, so that it can run twice. */
function writes(seeded: SeededRooms, run: number): readonly Call[] {
  const late = 500 + run;
  const message = messageId(2, 100 * run);
  return [
    ['a new group', () => seeded.room(1, [2, 3])],
    ['a known p2p room', () => seeded.p2p(1, 101)],
    ['a sent message', () => seeded.send(BIG, 1, { senderMessageId: `new-${run}`, push: true })],
    ['a repeated message', () => seeded.send(BIG, 1, { senderMessageId: `new-${run}`, push: true })],
    [
      'a message that says everything',
      () =>
        seeded.send(BIG, 1, {
          replyId: messageId(1, 40_000),
          forward: { messageId: messageId(2, 8), senderId: 3 },
          mentions: [{ userId: 2, tag: '@two' }],
          contactPhone: '+3',
        }),
    ],
    ['an edit', (rooms) => rooms.updateMessage(actor(1), message, () => ({ content: 'new' }))],
    ['a reaction', () => seeded.react(1, message, 'a')],
    ['a reaction taken back', () => seeded.react(1, message, '')],
    ['a read message', () => seeded.read(roomId(2), 1, [messageId(2, 300 * run + 1)])],
    ['deleted messages', () => seeded.delete(roomId(2), 1, [message, messageId(2, 100 * run + 1)])],
    [
      'a rename',
      (rooms) =>
        rooms.updateRoom(actor(1), BIG, () => ({
          room: { name: 'New' },
          effects: [{ kind: 'system_message', event: 'new_name', content: 'New' }],
        })),
    ],
    ['a pin', (rooms) => rooms.pinRoom(actor(1), BIG)],
    ['an added member', () => seeded.add(BIG, 1, [late])],
    ['a removed member', () => seeded.remove(BIG, 1, [late])],
    ['a dissolved room', () => seeded.dissolve(roomId(ROOMS - run), 1)],
  ];
}

describe.skipIf(inject('postgresUrl') === '')('with 200,000 messages in 200 rooms', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await seedLargeDatabase(database.url);
  }, 180_000);
  afterAll(async () => await database?.drop());

  it.for([
    ['force_custom_plan', 1],
    ['force_generic_plan', 2],
  ] as const)('no statement reads the whole message table (%s)', async ([planMode, run], { skip }) => {
    const explaining = await openExplainingDb(database.url, planMode);
    if (explaining === undefined) return skip('the server does not let this user load auto_explain');
    const { db } = explaining;
    const repository = createPostgresRoomsRepository({
      db,
      events: new CommitSignal(),
      notifications: new CommitSignal(),
    });
    const addUsers = async (): Promise<void> => undefined;
    const seeded = new SeededRooms({ repository, addUsers }, USERS);
    await db.query('INSERT INTO "user" (id, name) VALUES ($1, $2)', [500 + run, 'Late']);
    const calls: readonly Call[] = [
      ...READS,
      [
        'messages by id',
        () =>
          loadMessages(
            db,
            Array.from({ length: 500 }, (_, n) => messageId(1, n + 1)),
            1,
          ),
      ],
      ...writes(seeded, run),
      ['events to publish', () => createPostgresOutbox({ db, signal: new CommitSignal() }).read(100)],
    ];

    explaining.take();
    const scanned: string[] = [];
    for (const [name, call] of calls) {
      await call(repository);
      const plans = explaining.take();
      expect(plans, name).not.toEqual([]);
      scanned.push(...scansOf(plans).map((text) => `${name}: ${text}`));
    }
    expect(scanned).toEqual([]);

    // What is looked for would be found, also inside a function.
    await db.query('SELECT count(*) FROM room_message WHERE content = $1', [randomUUID()]);
    await db.query(`DO $$ BEGIN PERFORM 1 FROM room_message WHERE file = 'x'; END $$`);
    expect(scansOf(explaining.take())).toHaveLength(2);
    await db.close();
  });
});

/** The statements that read all of room_message. */
function scansOf(plans: ReturnType<ExplainingDb['take']>): string[] {
  return plans
    .filter(({ plan }) =>
      nodesOf(plan).some(
        (node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'room_message',
      ),
    )
    .map(({ text }) => text);
}
