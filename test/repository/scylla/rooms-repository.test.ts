import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { validateScylla } from '../../../src/repository/scylla/migration/validation.ts';
import type { StoreRoles } from '../../../src/repository/scylla/store-state.ts';
import { openStores, type Stores } from '../../../src/repository/stores.ts';
import { exerciseRoomsRepositoryReads } from '../../contract/rooms-repository-reads.ts';
import {
  exerciseRoomsRepositoryWrites,
  type RoomsRepositoryWritesFixture,
} from '../../contract/rooms-repository-writes.ts';
import { createTestDatabase, openPglite, type TestDatabase } from '../../support/database.ts';
import { createTestKeyspace, type TestKeyspace } from '../../support/keyspace.ts';
import { traceContext } from '../../support/trace-headers.ts';
import { insertUsers } from '../../support/users.ts';

const logger = pino({ level: 'silent' });

/** All suites of the port with Scylla in those roles, on one database and one keyspace. */
function exerciseOn(name: string, roles: StoreRoles, open: () => Promise<TestDatabase>): void {
  describe(name, () => {
    let database: TestDatabase;
    let keyspace: TestKeyspace;
    let stores: readonly Stores[];
    let fixture: RoomsRepositoryWritesFixture;
    beforeAll(async () => {
      [database, keyspace] = await Promise.all([open(), createTestKeyspace()]);
      const options = {
        ...{ db: database.db, scylla: { ...keyspace.config, roles }, notifies: true, logger },
        traceContext: () => traceContext.getStore(),
      };
      const one = await openStores(options);
      const another = await openStores(options);
      stores = [one, another];
      fixture = fixtureOn(database, one, another);
    });
    afterAll(async () => {
      for (const store of stores ?? []) await store.close();
      await keyspace?.drop();
      await database?.drop();
    });

    exerciseRoomsRepositoryWrites(name, async () => fixture);
    exerciseRoomsRepositoryReads(name, async () => fixture);

    if (!roles.sync) return;
    test('leaves both stores with the same', async () => {
      const follower = stores[0]?.scylla?.follower;
      await follower?.start();
      await expect.poll(async () => (await follower?.lag())?.changes).toBe(0);
      await follower?.stop();
      const options = { samples: 100_000, workers: 4, roomId: undefined, since: undefined, until: undefined };
      const found = await validateScylla(
        { db: database.db, session: keyspace.session },
        options,
        () => undefined,
      );
      expect(found).toMatchObject({ mismatches: [], behind: [], untold: 0 });
      expect(found.comparedMessages).toBeGreaterThan(500);
      expect(found.scylla).toEqual(found.postgres);
    });
  });
}

function fixtureOn({ db }: TestDatabase, one: Stores, another: Stores): RoomsRepositoryWritesFixture {
  return {
    repository: one.rooms,
    another: another.rooms,
    outbox: one.outbox,
    notifications: one.notifications,
    addUsers: (users) => insertUsers(db, users),
    // The stores outlive the suite: the next one uses them too.
    close: async () => undefined,
  };
}

const LEADS: StoreRoles = { reads: true, writes: true, sync: false };
const BACKED: StoreRoles = { reads: true, writes: true, sync: true };
const READ: StoreRoles = { reads: true, writes: false, sync: true };

describe.skipIf(inject('cassandraContactPoint') === '' || inject('postgresUrl') === '')(
  'RoomsRepository with Cassandra',
  () => {
    exerciseOn('Cassandra leads, PostgreSQL server', LEADS, createTestDatabase);
    exerciseOn('Cassandra with a backup in PostgreSQL', BACKED, createTestDatabase);
    exerciseOn('Cassandra follows, histories are read from it', READ, createTestDatabase);
  },
);

describe.skipIf(inject('cassandraContactPoint') === '')(
  'RoomsRepository with Cassandra, embedded database',
  () => {
    exerciseOn('Cassandra leads, PGlite', LEADS, openPglite);
  },
);
