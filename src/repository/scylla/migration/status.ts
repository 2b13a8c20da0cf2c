import type { Sql } from '../../postgres/db.ts';
import { type Lag, readLag } from '../change-log.ts';
import { readStoreState, type StoreState } from '../store-state.ts';
import { type MigrationProgress, readProgress } from './migration-checkpoints.ts';

/** Where the stores are on the way from one to the other, as PostgreSQL knows it. */
export interface StoreStatus {
  readonly state: StoreState;
  /** Of the last migration of everything. */
  readonly migration: MigrationProgress;
  readonly lag: Lag;
}

/** Reads the status. */
export async function readStoreStatus(sql: Sql): Promise<StoreStatus> {
  return { state: await readStoreState(sql), migration: await readProgress(sql), lag: await readLag(sql) };
}
