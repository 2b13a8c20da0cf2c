import type { Db, Sql } from '../postgres/db.ts';
import { readLag } from './change-log.ts';

/** What an instance is told to use Scylla for. */
export interface StoreRoles {
  /** Reads come from Scylla. */
  readonly reads: boolean;
  /** Writes are answered when Scylla has them. */
  readonly writes: boolean;
  /** PostgreSQL holds everything as well. */
  readonly sync: boolean;
}

/** What the database says about itself. */
export interface StoreState {
  /** Who has everything. */
  readonly leader: 'postgres' | 'scylla';
  /** Since when Scylla is told of every change; undefined: it is not. */
  readonly mirrorSince: Date | undefined;
  /** When a migration that began after that was complete. */
  readonly migratedAt: Date | undefined;
}

/** True when rooms and messages are in Scylla alone. */
export function scyllaLeads({ reads, writes, sync }: StoreRoles): boolean {
  return reads && writes && !sync;
}

/** Of the advisory lock that lets one instance at a time say what the stores are for. */
const STATE_LOCK = 7_242_802_102;
/** Changes that a room may have to catch up with before its first message, once Scylla leads. */
const MAX_LEFT_BEHIND = 1_000;

/**
 * Holds what an instance is told against what the database knows, and notes what follows. Throws with a text for the operator
 * when rooms or messages would be missing: then nothing is noted.
 */
export async function enterStore(db: Db, roles: StoreRoles): Promise<StoreState> {
  return await db.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [STATE_LOCK]);
    const state = await readStoreState(tx);
    if (scyllaLeads(roles)) await enterLeading(tx, state);
    else await enterMirroring(tx, state, roles);
    await advanceClock(tx);
    return await readStoreState(tx);
  });
}

/** Reads what the database says about itself. */
export async function readStoreState(sql: Sql): Promise<StoreState> {
  const { rows } = await sql.query<StateRow>('SELECT leader, mirror_since, migrated_at FROM chat_store', []);
  const row = rows[0];
  if (row === undefined)
    throw new Error('the database does not say what its stores are for: run `npm run migrate`');
  return {
    leader: row.leader,
    mirrorSince: row.mirror_since ?? undefined,
    migratedAt: row.migrated_at ?? undefined,
  };
}

/** Notes that Scylla has everything, unless it was not told of every change since `begun`; answers whether it has. */
export async function noteMigrated(db: Db, begun: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    'UPDATE chat_store SET migrated_at = now() WHERE mirror_since <= $1::timestamptz',
    [begun],
  );
  return rowCount > 0;
}

async function enterLeading(tx: Sql, state: StoreState): Promise<void> {
  if (state.leader === 'scylla') return;
  const { rows } = await tx.query<{ present: boolean }>('SELECT EXISTS (SELECT FROM room) AS present', []);
  if (rows[0]?.present === true && state.migratedAt === undefined) {
    throw new Error(
      'USE_SCYLLADB=true, but the rooms of this database are not in Scylla yet: start with SYNC_TO_SCYLLA=true and run `npm run scylla -- migrate` first',
    );
  }
  const { changes } = await readLag(tx);
  if (changes > MAX_LEFT_BEHIND) {
    throw new Error(
      `USE_SCYLLADB=true, but Scylla lacks ${changes} changes still: start with SYNC_TO_SCYLLA=true as well until /readyz?verbose says 0`,
    );
  }
  await tx.query(`UPDATE chat_store SET leader = 'scylla', mirror_since = NULL, migrated_at = NULL`, []);
}

async function enterMirroring(tx: Sql, state: StoreState, { reads, sync }: StoreRoles): Promise<void> {
  if (state.leader === 'scylla') {
    throw new Error(
      'the rooms of this database are in Scylla alone: set USE_SCYLLADB=true, and SYNC_TO_SCYLLA=false',
    );
  }
  if (!sync) {
    // What changes from now on is not followed, so what was noted before is of no use.
    await tx.query(
      'UPDATE chat_store SET mirror_since = NULL, migrated_at = NULL WHERE mirror_since IS NOT NULL',
      [],
    );
    if (state.mirrorSince !== undefined) await tx.query('DELETE FROM scylla_change', []);
    return;
  }
  if (state.mirrorSince === undefined) {
    // Not now(): the transaction may have begun before others that note nothing.
    await tx.query('UPDATE chat_store SET mirror_since = clock_timestamp(), migrated_at = NULL', []);
  }
  const { rows } = await tx.query<{ present: boolean }>('SELECT EXISTS (SELECT FROM room) AS present', []);
  const isEmpty = rows[0]?.present !== true;
  if (isEmpty)
    await tx.query('UPDATE chat_store SET migrated_at = clock_timestamp() WHERE migrated_at IS NULL', []);
  if (reads && !isEmpty && state.migratedAt === undefined) {
    throw new Error(
      'USE_SCYLLA_READS=true, but not everything is in Scylla yet: start without it, run `npm run scylla -- migrate`, then set it',
    );
  }
}

/** Write timestamps never go back, also after the database was restored from a backup. */
export async function advanceClock(sql: Sql): Promise<void> {
  await sql.query(
    `SELECT setval('chat_clock', present.micros) FROM
      (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros) present, chat_clock
      WHERE present.micros > chat_clock.last_value`,
    [],
  );
}

interface StateRow {
  readonly leader: 'postgres' | 'scylla';
  readonly mirror_since: Date | null;
  readonly migrated_at: Date | null;
}
