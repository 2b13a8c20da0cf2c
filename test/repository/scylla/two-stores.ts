import { CommitSignal } from '../../../src/repository/postgres/commit-signal.ts';
import type { Db, Sql } from '../../../src/repository/postgres/db.ts';
import { createPostgresRoomsRepository } from '../../../src/repository/postgres/postgres-rooms-repository.ts';
import type { RoomsRepository } from '../../../src/repository/rooms-repository.ts';
import { forgetChanges, oldestChanges } from '../../../src/repository/scylla/change-log.ts';
import { createScyllaMessageReads } from '../../../src/repository/scylla/message-reads.ts';
import { toMutations } from '../../../src/repository/scylla/mutations.ts';
import type { ReadDeps } from '../../../src/repository/scylla/profiles.ts';
import { createScyllaRoomReads } from '../../../src/repository/scylla/room-reads.ts';
import { createTestDatabase } from '../../support/database.ts';
import { createTestKeyspace } from '../../support/keyspace.ts';

/** What both stores can be asked. */
export type Reads = ReturnType<typeof createScyllaRoomReads> & ReturnType<typeof createScyllaMessageReads>;

/** The same rooms in PostgreSQL and in Cassandra. */
export interface TwoStores {
  readonly db: Db;
  /** Writes to PostgreSQL, and reads from it. */
  readonly postgres: RoomsRepository;
  /** Reads from Cassandra; fails when it asks PostgreSQL for what is only there while that follows. */
  readonly scylla: Reads;
  readonly reads: ReadDeps;
  /** Brings everything to Cassandra that was written since. */
  copy(): Promise<void>;
  close(): Promise<void>;
}

/** Opens them empty. */
export async function openTwoStores(): Promise<TwoStores> {
  const [database, keyspace] = await Promise.all([createTestDatabase(), createTestKeyspace()]);
  const { db } = database;
  const { session } = keyspace;
  await db.query('UPDATE chat_store SET mirror_since = now()');
  const users = usersAndHeadsOnly(db);
  return {
    db,
    postgres: createPostgresRoomsRepository({ db, events: new CommitSignal(), notifications: undefined }),
    scylla: {
      ...createScyllaRoomReads({ session, db: users }),
      ...createScyllaMessageReads({ session, db: users }),
    },
    reads: { session, sql: users },
    async copy() {
      for (;;) {
        const changes = await oldestChanges(db, 2000, 0);
        if (changes.length === 0) return;
        await session.write(changes.flatMap(({ change }) => toMutations(change)));
        await forgetChanges(
          db,
          changes.map(({ id }) => id),
        );
      }
    },
    async close() {
      await keyspace.drop();
      await database.drop();
    },
  };
}

/** The database without the tables that are empty where Scylla leads, and without the columns of rooms that are not kept there. */
function usersAndHeadsOnly(db: Db): Db {
  const query: Sql['query'] = async (text, params) => {
    if (/room_m|room_read_position|\br\.|\b(name|image|description)\b[^;]*\bFROM room\b/.test(text)) {
      throw new Error(`asks for what is not there: ${text}`);
    }
    return await db.query(text, params);
  };
  return { ...db, query };
}
