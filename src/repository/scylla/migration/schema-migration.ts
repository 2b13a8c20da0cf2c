import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../../logger.ts';
import type { Db } from '../../postgres/db.ts';
import { MIGRATION_LOCK } from '../../postgres/schema.ts';
import { applyCqlSchema, CQL_SCHEMA_VERSION, readCqlVersion } from '../schema.ts';
import { connectScylla, type ScyllaConfig } from '../session.ts';

const LOCK_ATTEMPTS = 240;
const LOCK_PAUSE_MS = 250;

/**
 * Makes or completes the keyspace and its tables; answers the version. One at a time of those who share the database. Rejects with a text
 * for the operator, also when the keyspace is of a newer version.
 */
export async function migrateCqlSchema(
  db: Db | undefined,
  config: ScyllaConfig,
  logger: Logger,
): Promise<number> {
  const session = await connectScylla(config, logger);
  try {
    const lease = db === undefined ? undefined : await takeLock(db);
    try {
      const version = await readCqlVersion(session, config.keyspace);
      if (version !== undefined && version > CQL_SCHEMA_VERSION) {
        throw new Error(
          `the keyspace ${config.keyspace} has chat schema version ${version}, newer than ${CQL_SCHEMA_VERSION}`,
        );
      }
      await applyCqlSchema(session, config);
      return CQL_SCHEMA_VERSION;
    } finally {
      await lease?.release();
    }
  } finally {
    await session.close();
  }
}

async function takeLock(db: Db): Promise<{ release(): Promise<void> }> {
  for (let attempt = 1; ; attempt += 1) {
    const lease = await db.tryLock(MIGRATION_LOCK);
    if (lease !== undefined) return lease;
    if (attempt === LOCK_ATTEMPTS) throw new Error('another migration of the schema is running');
    await delay(LOCK_PAUSE_MS);
  }
}
