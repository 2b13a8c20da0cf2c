import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import pino from 'pino';
import { inject } from 'vitest';
import type { Db } from '../../src/repository/postgres/db.ts';
import { createPgDb } from '../../src/repository/postgres/pg-db.ts';
import { createPgliteDb } from '../../src/repository/postgres/pglite-db.ts';
import { applySchema } from '../../src/repository/postgres/schema.ts';

const logger = pino({ level: 'silent' });

/** A database of its own for one test file. */
export interface TestDatabase {
  readonly db: Db;
  /** For further connections; empty for an embedded database. */
  readonly url: string;
  /** Closes `db` and deletes the database. */
  drop(): Promise<void>;
}

/** A fresh database with the schema on the real PostgreSQL of the test run, or on the one at `serverUrl`. */
export async function createTestDatabase(serverUrl: string = inject('postgresUrl')): Promise<TestDatabase> {
  const name = `chat_${randomUUID().replaceAll('-', '')}`;
  await asAdmin(serverUrl, async (admin) => {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${await ensureTemplate(admin, serverUrl)}`);
  });
  const url = databaseUrl(serverUrl, name);
  const db = createPgDb({ url, maxConnections: 10, logger });
  return {
    db,
    url,
    async drop() {
      await db.close();
      await asAdmin(serverUrl, async (admin) => {
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      });
    },
  };
}

/** A fresh embedded database with the schema, in memory. It takes seconds and 800 MB: once per file at most. */
export async function openPglite(): Promise<TestDatabase> {
  const db = await createPgliteDb({ dataDir: 'memory:', logger });
  await applySchema(db);
  return { db, url: '', drop: async () => await db.close() };
}

/** The name of a database that holds just the schema; made once per server and schema text. */
async function ensureTemplate(admin: pg.Client, serverUrl: string): Promise<string> {
  const text = readFileSync(new URL('../../schema.sql', import.meta.url), 'utf8');
  const name = `chat_template_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  await admin.query('SELECT pg_advisory_lock(724280)');
  try {
    const found = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount !== 0) return name;
    const draft = `${name}_draft`;
    await admin.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${draft}`);
    const db = createPgDb({ url: databaseUrl(serverUrl, draft), maxConnections: 1, logger });
    await applySchema(db);
    await db.close();
    await admin.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
    return name;
  } finally {
    await admin.query('SELECT pg_advisory_unlock(724280)');
  }
}

async function asAdmin(serverUrl: string, work: (admin: pg.Client) => Promise<void>): Promise<void> {
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
