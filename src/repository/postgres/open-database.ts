import type { Logger } from '../../logger.ts';
import type { Db } from './db.ts';
import { createPgDb } from './pg-db.ts';
import { createPgliteDb } from './pglite-db.ts';
import { applySchema, checkSchema } from './schema.ts';

/**
 * The database with the schema this service needs: the server at `url`, whose schema is only checked, or without one
 * the embedded Postgres in `dataDir`, whose schema is brought up to date. Rejects with a text for the operator, and nothing left open.
 */
export async function openDatabase(options: {
  readonly url: string | undefined;
  readonly maxConnections: number;
  readonly dataDir: string;
  readonly logger: Logger;
}): Promise<Db> {
  const { url, maxConnections, dataDir, logger } = options;
  if (url === undefined) return await checked(await createPgliteDb({ dataDir, logger }), applySchema);
  return await checked(createPgDb({ url, maxConnections, logger }), async (db) => {
    await db.query('SELECT 1', []).catch((error: unknown) => {
      const { host, pathname } = new URL(url);
      throw new Error(`Postgres can't be used at ${host}${pathname}: ${textOf(error)}`, { cause: error });
    });
    await checkSchema(db);
  });
}

async function checked(db: Db, check: (db: Db) => Promise<void>): Promise<Db> {
  try {
    await check(db);
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** A refused connection is an AggregateError without a text of its own. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
