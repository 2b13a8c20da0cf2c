import pg from 'pg';
import type { Sql } from './db.ts';

/** One connection that can't change anything, for a question from the command line. */
export interface ReadOnlySql extends Sql {
  close(): Promise<void>;
}

const CONNECT_MS = 2_500;
const STATEMENT_MS = 5_000;

/**
 * Connects to the server at `url`: it refuses every write of this connection. Rejects with the driver's error, without the address's login.
 * Values are those of the driver: an int8 has to be cast in the statement.
 */
export async function connectReadOnly(url: string): Promise<ReadOnlySql> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS,
    application_name: 'connect-chat inspection',
    options: '-c default_transaction_read_only=on -c jit=off',
  });
  // A connection that breaks between two statements: the next one says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return {
    async query<R>(text: string, params?: readonly unknown[]) {
      const { rows, rowCount } = await client.query(text, params === undefined ? [] : [...params]);
      return { rows: rows as R[], rowCount: rowCount ?? 0 };
    },
    async close() {
      await client.end().catch(() => undefined);
    },
  };
}
