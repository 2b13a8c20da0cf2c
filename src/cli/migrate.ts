import { parseArgs } from 'node:util';
import pino from 'pino';
import { loadConfig } from '../config.ts';
import { createPgDb } from '../repository/postgres/pg-db.ts';
import { applySchema, SCHEMA_VERSION } from '../repository/postgres/schema.ts';
import { CommandError, runCommand } from './command.ts';

const USAGE = `Usage: DATABASE_URL=postgres://user:password@host:5432/database npm run migrate

Brings the database's schema up to date. May be repeated.`;

/** Brings the schema of the configured Postgres up to date and says so. */
export async function runMigrate(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(USAGE, async () => {
    const { values } = parseArgs({ args: [...argv], options: { help: { type: 'boolean', short: 'h' } } });
    if (values.help === true) {
      console.log(USAGE);
      return 0;
    }
    const { url } = loadConfig(env).config.database;
    if (url === undefined) {
      throw new CommandError(
        'no DATABASE_URL: the embedded database needs no migration, it is done at each start',
      );
    }
    const where = describe(url);
    const db = createPgDb({ url, maxConnections: 1, logger: pino({ level: 'silent' }) });
    try {
      await applySchema(db);
    } catch (cause) {
      throw new CommandError(`${where} was not migrated: ${reason(cause)}`, { cause });
    } finally {
      await db.close();
    }
    console.log(`${where}: the schema is at version ${SCHEMA_VERSION}`);
    return 0;
  });
}

/** Host and database, without user and password. */
function describe(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** A refused connection is an AggregateError without a text of its own. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
