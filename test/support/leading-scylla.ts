import { CommitSignal } from '../../src/repository/postgres/commit-signal.ts';
import type { Db } from '../../src/repository/postgres/db.ts';
import { createPostgresRoomsRepository } from '../../src/repository/postgres/postgres-rooms-repository.ts';
import type { RoomsRepository } from '../../src/repository/rooms-repository.ts';
import { loadProfiles } from '../../src/repository/scylla/profiles.ts';
import { listRooms } from '../../src/repository/scylla/room-list.ts';
import { createScyllaRoomsRepository } from '../../src/repository/scylla/scylla-rooms-repository.ts';
import { enterStore } from '../../src/repository/scylla/store-state.ts';
import type { StoreLists } from './cached-rooms.ts';
import { createTestDatabase } from './database.ts';
import { createFaultySession, type FaultySession } from './faulty-session.ts';
import { createTestKeyspace } from './keyspace.ts';

/** An instance whose rooms are in Scylla alone, on stores of its own. */
export interface LeadingScylla {
  readonly db: Db;
  readonly rooms: RoomsRepository;
  /** For a cache of `rooms`. */
  readonly lists: StoreLists;
  /** Holds up what `rooms` writes. */
  readonly session: FaultySession;
  /** Changes that are committed and may not be in Scylla. */
  pending(): Promise<number>;
  close(): Promise<void>;
}

/** Opens it empty. */
export async function openLeadingScylla(): Promise<LeadingScylla> {
  const [database, keyspace] = await Promise.all([createTestDatabase(), createTestKeyspace()]);
  const { db } = database;
  const roles = { reads: true, writes: true, sync: false };
  await enterStore(db, roles);
  const session = createFaultySession(keyspace.session);
  const deps = { db, events: new CommitSignal(), notifications: undefined };
  const reads = { session, sql: db };
  return {
    db,
    session,
    rooms: createScyllaRoomsRepository(createPostgresRoomsRepository(deps), session, { ...deps, roles }),
    lists: {
      listRooms: async (userId, query) => await listRooms(reads, userId, query),
      profiles: async (userIds) => await loadProfiles(db, userIds),
    },
    async pending() {
      const { rows } = await db.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM scylla_change',
        [],
      );
      return rows[0]?.count ?? 0;
    },
    async close() {
      await keyspace.drop();
      await database.drop();
    },
  };
}
