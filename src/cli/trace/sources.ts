import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import type { Config } from '../../config.ts';
import type { MessageTracer } from '../../repository/message-trace.ts';
import { directoryUser } from '../../repository/postgres/data-directory-lock.ts';
import type { Sql } from '../../repository/postgres/db.ts';
import { createPostgresMessageTracer } from '../../repository/postgres/message-tracer.ts';
import { createPgliteDb } from '../../repository/postgres/pglite-db.ts';
import { connectReadOnly } from '../../repository/postgres/read-only.ts';
import { checkSchema } from '../../repository/postgres/schema.ts';
import { createScyllaMessageTracer } from '../../repository/scylla/message-tracer.ts';
import { connectScylla } from '../../repository/scylla/session.ts';
import { readStoreState } from '../../repository/scylla/store-state.ts';
import { CommandError } from '../command.ts';
import { place, reason } from '../doctor/words.ts';

/** Where a message is looked for. */
export interface TraceSources {
  readonly sql: Sql;
  readonly tracer: MessageTracer;
  /** Name of the store that has the messages. */
  readonly store: string;
  close(): Promise<void>;
}

const logger = pino({ level: 'silent' });

/** Opens the stores to read from them. Throws a CommandError that says what is in the way. */
export async function openTraceSources(config: Config): Promise<TraceSources> {
  const sql = await openSql(config);
  try {
    await checkSchema(sql);
    const { leader } = await readStoreState(sql);
    if (leader === 'postgres')
      return { sql, tracer: createPostgresMessageTracer(sql), store: 'PostgreSQL', close: () => sql.close() };
    const session = await connectScylla(config.scylla, logger);
    return {
      sql,
      tracer: createScyllaMessageTracer(session),
      store: 'Scylla',
      async close() {
        await session.close();
        await sql.close();
      },
    };
  } catch (error) {
    await sql.close();
    throw new CommandError(reason(error), { cause: error });
  }
}

async function openSql({ database, dataDir }: Config): Promise<Sql & { close(): Promise<void> }> {
  const { url } = database;
  if (url === undefined) return await openEmbedded(dataDir);
  try {
    return await connectReadOnly(url);
  } catch (error) {
    throw new CommandError(`PostgreSQL can't be used at ${place(url, 'path')}: ${reason(error)}`, {
      cause: error,
    });
  }
}

/** An embedded database belongs to one process at a time. */
async function openEmbedded(dataDir: string): Promise<Sql & { close(): Promise<void> }> {
  if (dataDir === 'memory:')
    throw new CommandError('DATA_DIR=memory: keeps no messages that could be traced');
  const pid = directoryUser(dataDir);
  if (pid !== undefined) {
    throw new CommandError(
      `the embedded database in ${dataDir} is in use by process ${pid}: stop the service first, or trace on one with DATABASE_URL`,
    );
  }
  if (!existsSync(join(dataDir, 'pglite')))
    throw new CommandError(`there is no embedded database in ${dataDir}, and no DATABASE_URL`);
  try {
    return await createPgliteDb({ dataDir, logger });
  } catch (error) {
    throw new CommandError(`the embedded database in ${dataDir} can't be opened: ${reason(error)}`, {
      cause: error,
    });
  }
}
