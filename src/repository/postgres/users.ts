import { create } from '@bufbuild/protobuf';
import { ChatError } from '../../chat/errors.ts';
import { type User, UserSchema } from '../../gen/services/users/v1/types_pb.ts';
import { createReadBatch } from '../read-batch.ts';
import type { UsersRepository } from '../users-repository.ts';
import type { Db, Sql } from './db.ts';
import { guarded, isUniqueViolation, retryConflicts } from './store-errors.ts';

/** The users of the host application in Postgres. Empty phones are stored as NULL, so that they do not collide. */
export function createPostgresUsersRepository(db: Db): UsersRepository {
  const activeUsers = createReadBatch(
    async (questions: readonly (readonly number[])[]) => await findActive(db, questions),
  );
  return {
    isEmpty: () =>
      guarded(async () => {
        const { rows } = await db.query<{ empty: boolean }>(
          'SELECT NOT EXISTS (SELECT FROM "user") AS empty',
          [],
        );
        return rows[0]?.empty === true;
      }),

    upsertUsers: (users) => guarded(() => upsertUsers(db, users)),

    getUsers: (ids) =>
      guarded(async () => {
        const { rows } = await db.query<UserRow>(
          `SELECT id, name, phone, email, avatar, dni FROM "user"
            WHERE id = ANY ($1::int[]) AND removed_at IS NULL AND deleted_at IS NULL ORDER BY id`,
          [ids],
        );
        return rows.map(toUser);
      }),

    removeUsers: (ids) =>
      guarded(async () => {
        const { rows } = await retryConflicts(
          async () =>
            await db.query<{ id: number }>(
              `UPDATE "user" SET removed_at = now()
                WHERE id = ANY ($1::int[]) AND removed_at IS NULL AND deleted_at IS NULL RETURNING id`,
              [ids],
            ),
        );
        return rows.map(({ id }) => id).sort((a, b) => a - b);
      }),

    activeUsers: (ids) => guarded(async () => (ids.length === 0 ? new Set() : await activeUsers(ids))),
  };
}

async function upsertUsers(db: Db, users: readonly User[]): Promise<number> {
  const byId = [...new Map(users.map((user) => [user.id, user])).values()];
  try {
    return await retryConflicts(async () => await db.transaction(async (tx) => await writeUsers(tx, byId)));
  } catch (error) {
    if (isUniqueViolation(error)) throw new ChatError('invalid_request_data', { cause: error });
    throw error;
  }
}

async function writeUsers(tx: Sql, users: readonly User[]): Promise<number> {
  const ids = users.map(({ id }) => id);
  const phones = users.map(({ phone }) => phone || null);
  // Phones that change are freed first, so that users of one call may swap them.
  await tx.query(
    `UPDATE "user" u SET phone = NULL FROM unnest($1::int[], $2::text[]) AS n (id, phone)
      WHERE u.id = n.id AND u.phone IS DISTINCT FROM n.phone`,
    [ids, phones],
  );
  const { rowCount } = await tx.query(
    `INSERT INTO "user" (id, name, phone, email, avatar, dni)
      SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n (id) ORDER BY n.id
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, phone = excluded.phone, email = excluded.email,
        avatar = excluded.avatar, dni = excluded.dni, removed_at = NULL, deleted_at = NULL`,
    [
      ids,
      users.map(({ name }) => name),
      phones,
      users.map(({ email }) => email ?? null),
      users.map(({ avatar }) => avatar ?? null),
      users.map(({ dni }) => dni ?? null),
    ],
  );
  return rowCount;
}

async function findActive(db: Db, questions: readonly (readonly number[])[]): Promise<Set<number>[]> {
  const { rows } = await db.query<{ id: number }>(
    `/* active_users */ SELECT id FROM "user" WHERE id = ANY ($1::int[]) AND removed_at IS NULL AND deleted_at IS NULL`,
    [[...new Set(questions.flat())]],
  );
  const active = new Set(rows.map(({ id }) => id));
  return questions.map((ids) => new Set(ids.filter((id) => active.has(id))));
}

function toUser(row: UserRow): User {
  const user = create(UserSchema, { id: row.id, name: row.name });
  if (row.phone !== null) user.phone = row.phone;
  if (row.email !== null) user.email = row.email;
  if (row.avatar !== null) user.avatar = row.avatar;
  if (row.dni !== null) user.dni = row.dni;
  return user;
}

interface UserRow {
  readonly id: number;
  readonly name: string;
  readonly phone: string | null;
  readonly email: string | null;
  readonly avatar: string | null;
  readonly dni: string | null;
}
