import pino from 'pino';
import { type Config, loadConfig } from '../config.ts';
import type { Db } from '../repository/postgres/db.ts';
import { openDatabase } from '../repository/postgres/open-database.ts';
import { SCHEMA_VERSION } from '../repository/postgres/schema.ts';
import { countForMigration, migrateToScylla } from '../repository/scylla/migration/migration.ts';
import { StoreOutage } from '../repository/scylla/migration/patient-writer.ts';
import { readStoreStatus } from '../repository/scylla/migration/status.ts';
import { validateScylla } from '../repository/scylla/migration/validation.ts';
import { checkCqlSchema, readCqlVersion } from '../repository/scylla/schema.ts';
import { connectScylla, type ScyllaSession } from '../repository/scylla/session.ts';
import { CommandError, runCommand } from './command.ts';
import { SCYLLA } from './commands/stores.ts';
import { usageOf } from './help.ts';
import { explained, textOf } from './scylla/errors.ts';
import { parseScyllaOptions, type ScyllaOptions } from './scylla/options.ts';
import { createProgressView } from './scylla/progress.ts';
import {
  comparisonReport,
  dryRunReport,
  migrationReport,
  mismatchReport,
  statusReport,
} from './scylla/reports.ts';

/** A few slow answers must not end hours of work. */
const PATIENT_TIMEOUT_MS = 10_000;
const LINE_EVERY_MS = 10_000;

/** Migrates to Scylla, validates it, or tells how it is. */
export async function runScylla(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(SCYLLA), async () => {
    const options = parseScyllaOptions(argv);
    const { config } = loadConfig(env);
    return await explained(async () => {
      const db = await openDatabase({
        url: config.database.url,
        maxConnections: Math.min(config.database.maxConnections, 2 * options.workers + 2),
        dataDir: config.dataDir,
        logger: pino({ level: 'silent' }),
      });
      try {
        return await perform(config, db, options);
      } finally {
        await db.close();
      }
    });
  });
}

async function perform(config: Config, db: Db, options: ScyllaOptions): Promise<number> {
  if (options.action === 'status') return await tellStatus(config, db);
  if (options.action === 'migrate' && options.dryRun) {
    console.log(dryRunReport(await countForMigration(db, options)));
    return 0;
  }
  const session = await connect(config);
  try {
    await checkCqlSchema(session, config.scylla);
    return options.action === 'migrate'
      ? await migrate(db, session, options)
      : await validate(db, session, options);
  } finally {
    await session.close();
  }
}

async function connect({ scylla }: Config): Promise<ScyllaSession> {
  const timeoutMs = Math.max(scylla.timeoutMs, PATIENT_TIMEOUT_MS);
  return await connectScylla({ ...scylla, timeoutMs }, pino({ level: 'silent' }));
}

async function migrate(db: Db, session: ScyllaSession, options: ScyllaOptions): Promise<number> {
  const view = createProgressView(process.stderr);
  try {
    const result = await migrateToScylla({ db, session }, options, {
      progress: (progress) => view.update(progress),
      skipped: (text) => view.say(text),
      waiting: () => view.say('Scylla does not answer, waiting for it'),
    });
    view.end();
    if (result.isResumed) console.log('went on with a migration that had not ended');
    const isComplete = result.outcome !== 'incomplete';
    (isComplete && result.outcome !== 'changes-unknown' ? console.log : console.error)(
      migrationReport(result),
    );
    return isComplete ? 0 : 1;
  } catch (error) {
    view.end();
    if (error instanceof StoreOutage)
      throw new CommandError(`${error.message}: run it again, it goes on where it was`, { cause: error });
    throw error;
  }
}

async function validate(db: Db, session: ScyllaSession, options: ScyllaOptions): Promise<number> {
  let counted = 0;
  const timer = setInterval(() => console.error(`counted ${counted} rooms`), LINE_EVERY_MS);
  const result = await validateScylla({ db, session }, options, () => {
    counted += 1;
  }).finally(() => clearInterval(timer));
  const lines = mismatchReport(result);
  for (const line of lines) console.error(line);
  console.log(comparisonReport(result));
  console.log(lines.length === 0 ? 'both stores agree' : 'the stores differ');
  return lines.length === 0 ? 0 : 1;
}

async function tellStatus(config: Config, db: Db): Promise<number> {
  const { url } = config.database;
  console.log(
    `PostgreSQL  ${url === undefined ? `embedded in ${config.dataDir}` : place(url)}, schema version ${SCHEMA_VERSION}`,
  );
  const reached = await tellScylla(config);
  for (const line of statusReport(await readStoreStatus(db))) console.log(line);
  return reached ? 0 : 1;
}

async function tellScylla(config: Config): Promise<boolean> {
  const { hosts, keyspace } = config.scylla;
  try {
    const session = await connect(config);
    try {
      const version = await readCqlVersion(session, keyspace);
      const schema = version === undefined ? 'no schema: run `npm run migrate`' : `schema version ${version}`;
      console.log(`Scylla      ${hosts.join(', ')}, keyspace ${keyspace}, ${schema}`);
    } finally {
      await session.close();
    }
    return true;
  } catch (error) {
    console.error(`Scylla      ${textOf(error)}`);
    return false;
  }
}

/** Host and database, without user and password. */
function place(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
