import type { Sql } from '../../src/repository/postgres/db.ts';
import type { TestUser } from '../contract/rooms-repository-adapter.ts';

/** Inserts users of the host application, as they are. */
export async function insertUsers(db: Sql, users: readonly TestUser[]): Promise<void> {
  for (const { id, name, phone, avatar, removed } of users) {
    await db.query('INSERT INTO "user" (id, name, phone, avatar, removed_at) VALUES ($1, $2, $3, $4, $5)', [
      id,
      name,
      phone ?? null,
      avatar ?? null,
      removed === true ? new Date() : null,
    ]);
  }
}
