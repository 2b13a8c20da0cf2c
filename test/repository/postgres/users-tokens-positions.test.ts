import { afterAll, beforeAll, describe, inject } from 'vitest';
import type { Db } from '../../../src/repository/postgres/db.ts';
import { createPostgresStreamPositions } from '../../../src/repository/postgres/stream-positions.ts';
import { createPostgresTokensRepository } from '../../../src/repository/postgres/tokens.ts';
import { createPostgresUsersRepository } from '../../../src/repository/postgres/users.ts';
import type { PushToken } from '../../../src/repository/tokens-repository.ts';
import { exerciseStreamPositions } from '../../contract/stream-positions.ts';
import { exerciseTokensRepository } from '../../contract/tokens-repository.ts';
import { exerciseUsersRepository } from '../../contract/users-repository.ts';
import { createTestDatabase, openPglite, type TestDatabase } from '../../support/database.ts';

describe.skipIf(inject('postgresUrl') === '')('on a server', () => {
  exerciseAll('PostgreSQL', async () => await createTestDatabase());
});

describe('embedded', () => {
  exerciseAll('PGlite', openPglite);
});

/** The suites use different tables: one database does for all three. */
function exerciseAll(name: string, open: () => Promise<TestDatabase>): void {
  let database: TestDatabase;
  let db: Db;
  beforeAll(async () => {
    database = await open();
    db = database.db;
  });
  afterAll(async () => await database?.drop());
  const close = async (): Promise<void> => undefined;

  exerciseUsersRepository(name, async () => ({ repository: createPostgresUsersRepository(db), close }));

  exerciseTokensRepository(name, async () => ({
    repository: createPostgresTokensRepository(db),
    async addUsers(ids) {
      await db.query(`INSERT INTO "user" (id, name) SELECT id, 'User' FROM unnest($1::int[]) AS n (id)`, [
        ids,
      ]);
    },
    async stored(userId) {
      const { rows } = await db.query<PushToken>(
        `SELECT token, platform, platform_version AS "platformVersion", device, coalesce(token_voip, '') AS "tokenVoip",
          is_voip AS "isVoip", debug, lang FROM messaging_token WHERE user_id = $1 ORDER BY token, device`,
        [userId],
      );
      return rows;
    },
    close,
  }));

  exerciseStreamPositions(name, async () => ({
    positions: createPostgresStreamPositions(db),
    async age(days) {
      await db.query(`UPDATE stream_position SET updated_at = updated_at - $1 * interval '1 day'`, [days]);
    },
    async count() {
      const { rows } = await db.query<{ count: number }>('SELECT count(*) FROM stream_position', []);
      return rows[0]?.count ?? 0;
    },
    close,
  }));
}
