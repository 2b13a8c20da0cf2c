import { describe, inject } from 'vitest';
import { CommitSignal } from '../../../src/repository/postgres/commit-signal.ts';
import { createPostgresRoomsRepository } from '../../../src/repository/postgres/postgres-rooms-repository.ts';
import type { RoomsRepositoryFixture, TestUser } from '../../contract/rooms-repository-adapter.ts';
import { exerciseRoomsRepositoryReads } from '../../contract/rooms-repository-reads.ts';
import { createTestDatabase, openPglite, type TestDatabase } from '../../support/database.ts';

describe.skipIf(inject('postgresUrl') === '')('on a server', () => {
  exerciseRoomsRepositoryReads('PostgreSQL', async () => fixture(await createTestDatabase()));
});

describe('embedded', () => {
  exerciseRoomsRepositoryReads('PGlite', async () => fixture(await openPglite()));
});

function fixture({
  db,
  drop,
}: TestDatabase): Pick<RoomsRepositoryFixture, 'repository' | 'addUsers' | 'close'> {
  const signals = { events: new CommitSignal(), notifications: new CommitSignal() };
  return {
    repository: createPostgresRoomsRepository({ db, ...signals }),
    async addUsers(users: readonly TestUser[]) {
      await db.query(
        `INSERT INTO "user" (id, name, phone, avatar, removed_at)
          SELECT id, name, phone, avatar, CASE WHEN removed THEN now() END FROM json_to_recordset($1::json)
            AS u (id int, name text, phone text, avatar text, removed boolean)`,
        [JSON.stringify(users)],
      );
    },
    close: drop,
  };
}
