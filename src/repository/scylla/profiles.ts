import type { Sql } from '../postgres/db.ts';
import type { ScyllaSession } from './session.ts';

/** What reads stand on: messages, rooms and members are in `session`, users and the heads of rooms in `sql`, which may be a running transaction. */
export interface ReadDeps {
  readonly session: ScyllaSession;
  readonly sql: Sql;
}

/** A user as others see him. */
export interface Profile {
  readonly id: number;
  readonly name: string;
  readonly phone: string;
  readonly avatar: string;
  /** Neither removed nor deleted. */
  readonly active: boolean;
}

const LOAD_PROFILES = `/* load_profiles */ SELECT id, name, coalesce(phone, '') AS phone, coalesce(avatar, '') AS avatar,
    removed_at IS NULL AND deleted_at IS NULL AS active
  FROM "user" WHERE id = ANY ($1::int[])`;

/** Users by id, removed ones included, in one statement; unknown ids are left out. */
export async function loadProfiles(sql: Sql, userIds: Iterable<number>): Promise<Map<number, Profile>> {
  const ids = [...new Set(userIds)];
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<Profile>(LOAD_PROFILES, [ids]);
  return new Map(rows.map((row) => [row.id, row]));
}
