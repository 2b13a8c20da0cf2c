import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { CommitSignal } from '../../../src/repository/postgres/commit-signal.ts';
import type { Db } from '../../../src/repository/postgres/db.ts';
import { createPostgresNotificationQueue } from '../../../src/repository/postgres/notification-queue.ts';
import { createPostgresOutbox } from '../../../src/repository/postgres/outbox.ts';
import { createPostgresRoomsRepository } from '../../../src/repository/postgres/postgres-rooms-repository.ts';
import { exerciseRoomsRepositoryReads } from '../../contract/rooms-repository-reads.ts';
import {
  exerciseRoomsRepositoryWrites,
  type RoomsRepositoryWritesFixture,
} from '../../contract/rooms-repository-writes.ts';
import { createTestDatabase, openPglite, type TestDatabase } from '../../support/database.ts';
import { actor, newMessage, newRoom } from '../../support/rooms.ts';
import { traceContext } from '../../support/trace-headers.ts';
import { insertUsers } from '../../support/users.ts';

/** All suites of the port on one database, which `open` makes. */
function exerciseOn(name: string, open: () => Promise<TestDatabase>): void {
  describe(name, () => {
    let database: TestDatabase;
    let fixture: RoomsRepositoryWritesFixture;
    let wakes: { events: number; notifications: number };
    beforeAll(async () => {
      database = await open();
      const events = new CommitSignal();
      const notifications = new CommitSignal();
      wakes = { events: 0, notifications: 0 };
      events.subscribe(() => {
        wakes.events += 1;
      });
      notifications.subscribe(() => {
        wakes.notifications += 1;
      });
      fixture = fixtureOn(database.db, events, notifications);
    });
    afterAll(async () => await database?.drop());

    exerciseRoomsRepositoryWrites(name, async () => fixture);
    exerciseRoomsRepositoryReads(name, async () => fixture);

    test('wakes the dispatcher and the notification worker only when there is something for them', async () => {
      await fixture.addUsers([
        { id: 501, name: 'A' },
        { id: 502, name: 'B' },
      ]);
      const { room } = await fixture.repository.createRoom(newRoom([501, 502], { type: 'p2p' }));
      const { events } = wakes;
      const before = { ...wakes };
      await fixture.repository.saveMessage(newMessage(room.id, 501));
      expect(wakes).toEqual({ events: events + 1, notifications: before.notifications });
      await fixture.repository.saveMessage(newMessage(room.id, 501, { push: true }));
      expect(wakes).toEqual({ events: events + 2, notifications: before.notifications + 1 });
      await fixture.repository.pinRoom(actor(501), room.id);
      await expect(fixture.repository.saveMessage(newMessage(room.id, 503))).rejects.toThrow('not_found');
      expect(wakes).toEqual({ events: events + 2, notifications: before.notifications + 1 });
    });

    test('lets a value that Postgres refuses fail alone, with the cause for the log only', async () => {
      await fixture.addUsers([
        { id: 511, name: 'A' },
        { id: 512, name: 'B' },
      ]);
      const { room } = await fixture.repository.createRoom(newRoom([511, 512], { type: 'p2p' }));
      const answers = await Promise.allSettled(
        ['a', 'b', 'nul \u0000', 'c'].map((content) =>
          fixture.repository.saveMessage(newMessage(room.id, 511, { content })),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      const [refusal] = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      expect(refusal).toMatchObject({ message: 'internal_server_error', cause: { code: '22021' } });
      expect((await fixture.repository.getRoom(511, room.id, 'full'))?.lastSequence).toBe(3);
    });
  });
}

/** The adapter, twice on one database. */
function fixtureOn(db: Db, events: CommitSignal, notifications: CommitSignal): RoomsRepositoryWritesFixture {
  const deps = { db, events, notifications, traceContext: () => traceContext.getStore() };
  return {
    repository: createPostgresRoomsRepository(deps),
    another: createPostgresRoomsRepository(deps),
    outbox: createPostgresOutbox({ db, signal: events }),
    notifications: createPostgresNotificationQueue({ db, signal: notifications }),
    addUsers: (users) => insertUsers(db, users),
    // The database outlives the suite: the next one uses it too.
    close: async () => undefined,
  };
}

describe.skipIf(inject('postgresUrl') === '')('RoomsRepository on a PostgreSQL server', () => {
  exerciseOn('pg', createTestDatabase);
});

describe('RoomsRepository on the embedded database', () => {
  exerciseOn('PGlite', openPglite);
});
