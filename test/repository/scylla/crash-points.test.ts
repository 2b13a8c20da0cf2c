import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Outbox, OutboxEvent } from '../../../src/events/outbox.ts';
import { CommitSignal } from '../../../src/repository/postgres/commit-signal.ts';
import { createPostgresOutbox } from '../../../src/repository/postgres/outbox.ts';
import { createPostgresRoomsRepository } from '../../../src/repository/postgres/postgres-rooms-repository.ts';
import type { RoomsRepository } from '../../../src/repository/rooms-repository.ts';
import { createFollower } from '../../../src/repository/scylla/follower.ts';
import { loadMessages } from '../../../src/repository/scylla/message-rows.ts';
import { createScyllaRoomsRepository } from '../../../src/repository/scylla/scylla-rooms-repository.ts';
import { enterStore } from '../../../src/repository/scylla/store-state.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createFaultySession, type FaultySession } from '../../support/faulty-session.ts';
import { createTestKeyspace, type TestKeyspace } from '../../support/keyspace.ts';
import { actor, newMessage, newRoom } from '../../support/rooms.ts';

const ROLES = { reads: true, writes: true, sync: false };
const EVERYTHING = { page: 0, limit: 0, messagesPerRoom: 100 };

/** Every point between the decision in PostgreSQL and the publication at which a process may end: docs/scylla.md has them as a table. */
describe.skipIf(inject('cassandraContactPoint') === '' || inject('postgresUrl') === '')(
  'a process that ends',
  () => {
    let database: TestDatabase;
    let keyspace: TestKeyspace;
    /** The process that ends, and another one. */
    let dying: Instance;
    let other: Instance;
    let lastUser = 0;

    beforeAll(async () => {
      [database, keyspace] = await Promise.all([createTestDatabase(), createTestKeyspace()]);
      await enterStore(database.db, ROLES);
      dying = openInstance(database, keyspace);
      other = openInstance(database, keyspace);
    });
    afterAll(async () => {
      await keyspace?.drop();
      await database?.drop();
    });

    /** A room of two new users, whose joins are published already. */
    async function room(): Promise<{ readonly id: string; readonly users: readonly [number, number] }> {
      const users = [++lastUser, ++lastUser] as const;
      for (const id of users)
        await database.db.query('INSERT INTO "user" (id, name) VALUES ($1, $2)', [id, `User ${id}`]);
      const { room } = await other.rooms.createRoom(newRoom([...users]));
      await published(other.outbox);
      return { id: room.id, users };
    }

    async function history(roomId: string, userId: number): Promise<[number, string][]> {
      const { items } = await other.rooms.getMessageHistory(userId, roomId, EVERYTHING);
      return items.map(({ sequence, content }) => [sequence, content]);
    }

    /** What the sweep of another process does once. */
    async function sweep(): Promise<void> {
      const follower = createFollower({
        db: database.db,
        session: keyspace.session,
        logger: pino({ level: 'silent' }),
        applied: new CommitSignal(),
        minAgeMs: 0,
      });
      await follower.start();
      await expect.poll(async () => (await follower.lag()).changes).toBe(0);
      await follower.stop();
    }

    test('before the commit leaves nothing, and the retry is the first', async () => {
      const { id, users } = await room();
      const message = newMessage(id, users[0], { senderMessageId: randomUUID() });
      dying.session.isAway = true;
      await expect(dying.rooms.saveMessage(message)).rejects.toMatchObject({ reason: 'store_unavailable' });
      dying.session.isAway = false;
      expect(await other.pending()).toBe(0);
      expect(await published(other.outbox)).toEqual([]);
      expect(await other.rooms.saveMessage(message)).toMatchObject({
        stored: true,
        message: { sequence: 1 },
      });
    });

    /** The writes of one message: place, sent, update, message, key. */
    describe.each([
      ['before the first write to Scylla', 0],
      ['after the first of them', 1],
      ['before the message itself', 3],
      ['before its client-side id', 4],
      ['after the last, before it is forgotten', 5],
    ])('%s', (_, made) => {
      async function sendAndEnd(): Promise<{
        readonly roomId: string;
        readonly users: readonly [number, number];
        readonly message: ReturnType<typeof newMessage>;
      }> {
        const { id, users } = await room();
        const message = newMessage(id, users[0], { senderMessageId: randomUUID(), content: 'said' });
        dying.session.fault = (mutations) => {
          expect(mutations).toHaveLength(5);
          return { made, fails: true };
        };
        await expect(dying.rooms.saveMessage(message)).rejects.toMatchObject({ reason: 'store_unavailable' });
        dying.session.fault = undefined;
        return { roomId: id, users, message };
      }

      test('is repaired by the sweep: stored once, then published once', async () => {
        const { roomId, users, message } = await sendAndEnd();
        expect(await other.pending()).toBe(1);
        // Nobody hears of a message that others may not find.
        expect(await published(other.outbox)).toEqual([]);
        await sweep();
        expect(await history(roomId, users[1])).toEqual([[1, 'said']]);
        expect((await other.rooms.getMessage(users[1], message.id))?.content).toBe('said');
        expect((await published(other.outbox)).map(caseOf)).toEqual([
          [1, 'statusUpdate'],
          [2, 'message'],
        ]);
      });

      test('is repaired by the retry, which is answered with the first message', async () => {
        const { roomId, users, message } = await sendAndEnd();
        const retry = newMessage(roomId, users[0], { ...message, id: newMessage(roomId, users[0]).id });
        const answers = await Promise.all([other.rooms.saveMessage(retry), dying.rooms.saveMessage(retry)]);
        for (const { stored, message: first } of answers) {
          expect([stored, first.id, first.sequence]).toEqual([false, message.id, 1]);
        }
        expect(await history(roomId, users[1])).toEqual([[1, 'said']]);
        expect((await published(other.outbox)).map(caseOf)).toEqual([
          [1, 'statusUpdate'],
          [2, 'message'],
        ]);
      });

      test('is repaired by the next message of the room, which never shows before it', async () => {
        const { roomId, users } = await sendAndEnd();
        const next = newMessage(roomId, users[1], { content: 'next' });
        expect((await other.rooms.saveMessage(next)).message.sequence).toBe(2);
        expect(await history(roomId, users[1])).toEqual([
          [2, 'next'],
          [1, 'said'],
        ]);
        expect((await published(other.outbox)).map(caseOf)).toEqual([
          [1, 'statusUpdate'],
          [2, 'message'],
          [3, 'statusUpdate'],
          [4, 'message'],
        ]);
      });
    });

    test('with a message on its way takes those behind it along: none shows before its predecessor', async () => {
      const { id, users } = await room();
      const { promise: wake, resolve } = Promise.withResolvers<void>();
      const faults = [{ until: wake, made: 0, fails: true }];
      dying.session.fault = () => faults.pop();
      const sends = ['one', 'two'].map((content) => newMessage(id, users[0], { content }));
      const answers: Promise<unknown>[] = [];
      for (const message of sends) {
        answers.push(dying.rooms.saveMessage(message).catch((error: unknown) => error));
        await expect.poll(() => other.pending()).toBe(answers.length);
      }
      resolve();
      for (const answer of await Promise.all(answers))
        expect(answer).toMatchObject({ reason: 'store_unavailable' });
      dying.session.fault = undefined;
      expect(await history(id, users[1])).toEqual([]);
      expect(await published(other.outbox)).toEqual([]);
      await sweep();
      expect(await history(id, users[1])).toEqual([
        [2, 'two'],
        [1, 'one'],
      ]);
      expect((await published(other.outbox)).map(caseOf)).toHaveLength(4);
    });

    test('in the middle of a change of members is repaired before anybody decides about the room', async () => {
      const { id, users } = await room();
      const [owner, member] = users;
      dying.session.fault = () => ({ made: 1, fails: true });
      const remove = { remove: [member], effects: [] };
      await expect(dying.rooms.leaveRoom(actor(owner), id, [member], () => remove)).rejects.toThrow(
        'store_unavailable',
      );
      dying.session.fault = undefined;
      await expect(other.rooms.saveMessage(newMessage(id, member))).rejects.toMatchObject({
        reason: 'not_found',
      });
      expect(await other.rooms.getRoom(member, id, 'full')).toBeUndefined();
      expect(await other.rooms.getMemberships(member)).toEqual([]);
      expect((await other.rooms.getRoom(owner, id, 'full'))?.participants.map((one) => one.id)).toEqual([
        owner,
      ]);
    });

    test('while it creates a p2p room leaves one room for the pair', async () => {
      const { users } = await room();
      const pair = newRoom([...users], { type: 'p2p' });
      dying.session.fault = () => ({ made: 2, fails: true });
      await expect(dying.rooms.createRoom(pair)).rejects.toMatchObject({ reason: 'store_unavailable' });
      dying.session.fault = undefined;
      const again = await other.rooms.createRoom(newRoom([users[1], users[0]], { type: 'p2p' }));
      expect([again.created, again.room.id]).toEqual([false, pair.id]);
      expect((await published(other.outbox)).map(({ event }) => event.event.case)).toEqual([
        'roomJoin',
        'roomJoin',
      ]);
    });

    test('and comes back to life writes nothing over what happened meanwhile', async () => {
      const { id, users } = await room();
      const { message } = await other.rooms.saveMessage(newMessage(id, users[0], { content: 'first' }));
      const { promise: wake, resolve } = Promise.withResolvers<void>();
      dying.session.fault = () => ({ until: wake, fails: false });
      const late = dying.rooms.updateMessage(actor(users[0]), message.id, () => ({ content: 'late' }));
      await expect.poll(() => other.pending()).toBe(1);
      const noted = await database.db.query<{ change: unknown; clock: number }>(
        'SELECT clock, change FROM scylla_change',
        [],
      );
      // Another process finds the change, writes it, and goes on.
      await other.rooms.updateMessage(actor(users[0]), message.id, () => ({ content: 'newest' }));
      await other.rooms.reactToMessage(actor(users[1]), message.id, '👍');
      await other.rooms.reactToMessage(actor(users[1]), message.id, '');
      resolve();
      await late;
      dying.session.fault = undefined;
      // Forgetting does not wait for the disk: a note may come back when PostgreSQL crashes.
      const again = 'INSERT INTO scylla_change (room_id, clock, change) VALUES ($1, $2, $3)';
      for (const { clock, change } of noted.rows)
        await database.db.query(again, [id, clock, JSON.stringify(change)]);
      await sweep();
      const now = await other.rooms.getMessage(users[1], message.id);
      expect([now?.content, now?.reactions]).toEqual(['newest', []]);
      expect(await history(id, users[1])).toEqual([[1, 'newest']]);
      // Not listed twice either: the place of its last change is one.
      const changed = await other.rooms.getMessageHistory(users[1], id, {
        ...EVERYTHING,
        messagesPerRoom: 0,
        afterDate: '2000-01-01T00:00:00Z',
      });
      expect(changed).toMatchObject({ total: 1, items: [{ id: message.id }] });
    });

    test('anywhere, any number of times: nothing acknowledged is lost, nothing is there twice, no number is missing', async () => {
      const step = fc.record({
        instance: fc.constantFrom('dying', 'other'),
        sender: fc.constantFrom(0, 1),
        made: fc.option(fc.nat(7), { nil: undefined, freq: 2 }),
        repeats: fc.boolean(),
        together: fc.integer({ min: 1, max: 4 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          const { id, users } = await room();
          const acknowledged = new Map<string, number>();
          const sent: string[] = [];
          for (const { instance, sender, made, repeats, together } of steps) {
            const at = instance === 'dying' ? dying : other;
            at.session.fault = made === undefined ? undefined : () => ({ made, fails: true });
            const keys = Array.from({ length: together }, (_unused, index) =>
              repeats && index === 0 && sent.length > 0
                ? (sent.at(-1) ?? '')
                : `${users[sender]} ${randomUUID()}`,
            );
            const saves = keys.map(async (key) => {
              const author = Number(key.split(' ')[0]);
              const { message } = await at.rooms.saveMessage(
                newMessage(id, author, { senderMessageId: key, content: key }),
              );
              expect(acknowledged.get(key) ?? message.sequence).toBe(message.sequence);
              acknowledged.set(key, message.sequence);
            });
            sent.push(...keys);
            await Promise.allSettled(saves);
            at.session.fault = undefined;
          }
          await sweep();
          const all = (await history(id, users[0])).toReversed();
          expect(all.map(([sequence]) => sequence)).toEqual(all.map((_unused, index) => index + 1));
          expect(new Set(all.map(([, content]) => content)).size).toBe(all.length);
          for (const [key, sequence] of acknowledged) expect(all[sequence - 1]).toEqual([sequence, key]);
          const events = await published(other.outbox);
          expect(events.map(({ roomEvent }) => roomEvent)).toEqual(events.map((_unused, index) => index + 1));
          const said = events.flatMap(({ event }) =>
            event.event.case === 'message' ? [event.event.value] : [],
          );
          expect(said.map(({ sequence, content }) => [sequence, content])).toEqual(all);
        }),
        { numRuns: 40 },
      );
    });
  },
);

/** One process, as far as storing goes. */
interface Instance {
  readonly rooms: RoomsRepository;
  readonly outbox: Outbox;
  readonly session: FaultySession;
  /** Changes that Scylla may lack. */
  pending(): Promise<number>;
}

function openInstance({ db }: TestDatabase, keyspace: TestKeyspace): Instance {
  const session = createFaultySession(keyspace.session);
  const events = new CommitSignal();
  const base = createPostgresRoomsRepository({ db, events, notifications: undefined });
  return {
    session,
    rooms: createScyllaRoomsRepository(base, session, { db, roles: ROLES, events, notifications: undefined }),
    outbox: createPostgresOutbox({
      db,
      signal: events,
      elsewhere: async (ids) => await loadMessages({ session, sql: db }, ids, undefined),
    }),
    pending: async () => (await db.query('SELECT FROM scylla_change')).rowCount,
  };
}

/** Publishes what may be published, as the dispatcher does. */
async function published(outbox: Outbox): Promise<OutboxEvent[]> {
  const entries = await outbox.read(1000);
  await outbox.remove(entries.map(({ id }) => id));
  return entries.flatMap(({ events }) => events);
}

function caseOf({ roomEvent, event }: OutboxEvent): [number, string | undefined] {
  return [roomEvent, event.event.case];
}
