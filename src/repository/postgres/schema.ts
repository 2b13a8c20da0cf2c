import { readFile } from 'node:fs/promises';
import type { Db, Sql } from './db.ts';

/** The schema that this code was written for; the last line of schema.sql stores it. */
export const SCHEMA_VERSION = 3;

const SCHEMA_FILE = new URL('../../../schema.sql', import.meta.url);
/** Of the advisory lock that lets one change of a schema run at a time, in either store. */
export const MIGRATION_LOCK = 7_242_802_101;

/** Makes or completes the schema; repeatable, one at a time, all or nothing. Refuses a database of a newer version. */
export async function applySchema(db: Db): Promise<void> {
  const text = await readFile(SCHEMA_FILE, 'utf8');
  await db.transaction(async (tx) => {
    await tx.query('SET LOCAL statement_timeout = 0');
    await tx.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    const version = await readSchemaVersion(tx);
    if (version !== undefined && version > SCHEMA_VERSION) throw wrongVersion(version);
    await tx.query(text);
  });
}

/** Throws, saying what to do, when the schema is missing or not of {@link SCHEMA_VERSION}. */
export async function checkSchema(db: Sql): Promise<void> {
  const version = await readSchemaVersion(db);
  if (version === undefined) {
    throw new Error('the database holds no chat schema: run `npm run migrate` first');
  }
  if (version !== SCHEMA_VERSION) throw wrongVersion(version);
}

/** The version of the schema in the database; undefined when there is none. */
export async function readSchemaVersion(sql: Sql): Promise<number | undefined> {
  const found = await sql.query<{ present: boolean }>(
    `SELECT to_regclass('chat_schema') IS NOT NULL AS present`,
    [],
  );
  if (found.rows[0]?.present !== true) return undefined;
  const answer = await sql.query<{ version: number | null }>(
    'SELECT max(version) AS version FROM chat_schema',
    [],
  );
  return answer.rows[0]?.version ?? undefined;
}

function wrongVersion(version: number): Error {
  const todo =
    version < SCHEMA_VERSION
      ? 'run `npm run migrate`'
      : 'start a newer version of the service (`npm run migrate` does not go back)';
  return new Error(
    `the database has chat schema version ${version}, this service needs ${SCHEMA_VERSION}: ${todo}`,
  );
}
