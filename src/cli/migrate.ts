import { parseArgs } from 'node:util';
import pino from 'pino';
import { SETTINGS } from '../config/settings.ts';
import { openSources } from '../config/sources.ts';
import { type Config, loadConfig } from '../config.ts';
import type { Db } from '../repository/postgres/db.ts';
import { createPgDb } from '../repository/postgres/pg-db.ts';
import { applySchema, SCHEMA_VERSION } from '../repository/postgres/schema.ts';
import { migrateCqlSchema } from '../repository/scylla/migration/schema-migration.ts';
import { CommandError, runCommand } from './command.ts';
import { MIGRATE } from './commands/stores.ts';
import { usageOf } from './help.ts';
import { textOf } from './scylla/errors.ts';

const logger = pino({ level: 'silent' });

/** Brings the schemas of the configured stores up to date and says so. */
export async function runMigrate(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(MIGRATE), async () => {
    parseArgs({ args: [...argv], options: MIGRATE.options });
    const { config } = loadConfig(env);
    const { url } = config.database;
    const scylla = isScyllaNamed(config, env) ? config.scylla : undefined;
    if (url === undefined) {
      if (scylla !== undefined) return await migrateScylla(undefined, scylla);
      throw new CommandError(
        'no DATABASE_URL: the embedded database needs no migration, it is done at each start',
      );
    }
    const db = createPgDb({ url, maxConnections: 1, logger });
    try {
      await migratePostgres(db, url);
      return scylla === undefined ? 0 : await migrateScylla(db, scylla);
    } finally {
      await db.close();
    }
  });
}

/** Whether it is used, or could be. */
function isScyllaNamed({ scylla }: Config, env: NodeJS.ProcessEnv): boolean {
  const sources = openSources(env, env.CONFIG_FILE || undefined);
  return scylla.roles !== undefined || sources.text('SCYLLA_HOSTS', SETTINGS.SCYLLA_HOSTS) !== undefined;
}

async function migratePostgres(db: Db, url: string): Promise<void> {
  const where = describe(url);
  try {
    await applySchema(db);
  } catch (cause) {
    throw new CommandError(`${where} was not migrated: ${textOf(cause)}`, { cause });
  }
  console.log(`${where}: the schema is at version ${SCHEMA_VERSION}`);
}

async function migrateScylla(db: Db | undefined, scylla: Config['scylla']): Promise<number> {
  const where = `${scylla.hosts.join(', ')}, keyspace ${scylla.keyspace}`;
  try {
    const version = await migrateCqlSchema(db, scylla, logger);
    console.log(`${where}: the schema is at version ${version}`);
    return 0;
  } catch (cause) {
    throw new CommandError(`${where} was not migrated: ${textOf(cause)}`, { cause });
  }
}

/** Host and database, without user and password. */
function describe(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
