import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../../logger.ts';
import type { Db, Rows, Sql } from './db.ts';
import { preparedName } from './prepared.ts';

const STATEMENT_TIMEOUT_MS = 10_000;
/** A little more than the server's own limit: only for a server that no longer answers. */
const QUERY_TIMEOUT_MS = 15_000;
const CONNECTION_TIMEOUT_MS = 5_000;
const LOCK_PING_MS = 2_000;
const LOCK_PING_TIMEOUT_MS = 5_000;
/** A connection that holds a lock and asks nothing for so long belongs to a process that stands still. */
const LOCK_IDLE_MS = 8_000;

const INT8 = 20;
const INT8_ARRAY = 1016;
type Parse = (text: string) => unknown;

/** int8 as number: every int8 of the schema is a counter, far below 2^53. */
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): Parse {
    if (oid === INT8 && format !== 'binary') return Number;
    const parse: Parse = pg.types.getTypeParser(oid, format ?? 'text');
    if (oid !== INT8_ARRAY || format === 'binary') return parse;
    return (text) => {
      const items = parse(text);
      return Array.isArray(items) ? items.map((item) => (item === null ? null : Number(item))) : items;
    };
  },
};

/**
 * A PostgreSQL server behind a pool of at most `maxConnections` connections, made when first needed.
 * A statement ends after 10 s, waiting for a connection after 5 s. Locks have connections of their own.
 */
export function createPgDb(options: {
  readonly url: string;
  readonly maxConnections: number;
  readonly logger: Logger;
}): Db {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    idle_in_transaction_session_timeout: 3 * STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'connect-chat',
    // Compiling costs more than any statement of this service takes, and so does planning the larger ones for each call:
    // they are written so that one plan fits all values (test/repository/postgres/explain.test.ts).
    options: '-c jit=off -c plan_cache_mode=force_generic_plan',
    types,
  });
  logLostConnections(pool, options.logger);
  const inTransaction = new AsyncLocalStorage<true>();
  const locks = new Set<pg.Client>();

  function refuseInTransaction(): void {
    if (inTransaction.getStore() === true) throw new Error('the Db was used inside its own transaction');
  }

  return {
    async query<R>(text: string, params?: readonly unknown[]): Promise<Rows<R>> {
      refuseInTransaction();
      return await run<R>(pool, text, params);
    },

    async transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
      refuseInTransaction();
      const client = await pool.connect();
      let broken: Error | undefined;
      // A connection that breaks between two statements: the next one says so. Without a listener the process would end.
      const onError = (error: Error): void => {
        broken = error;
      };
      client.on('error', onError);
      try {
        await client.query('BEGIN');
        const tx: Sql = { query: async (text, params) => await run(client, text, params) };
        const result = await inTransaction.run(true, async () => await work(tx));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((failure: unknown) => {
          broken = failure instanceof Error ? failure : new Error(String(failure));
        });
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },

    async tryLock(key) {
      const client = new pg.Client({
        connectionString: options.url,
        connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
        query_timeout: LOCK_PING_TIMEOUT_MS,
        keepAlive: true,
        application_name: 'connect-chat lock',
        // So that the server, too, soon lets go of the lock of an instance that fell off the network, or stands still.
        options: `-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c idle_session_timeout=${LOCK_IDLE_MS}`,
      });
      const lost = new AbortController();
      client.on('error', () => lost.abort());
      client.on('end', () => lost.abort());
      locks.add(client);
      const release = async (): Promise<void> => {
        locks.delete(client);
        await endClient(client);
      };
      try {
        await client.connect();
        const answer = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [
          key,
        ]);
        if (answer.rows[0]?.held === true) {
          keepAsking(client, lost);
          return { lost: lost.signal, release };
        }
      } catch (error) {
        await release();
        throw error;
      }
      await release();
      return undefined;
    },

    poolUse: () => ({
      used: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),

    async close() {
      await Promise.all([...locks].map(endClient));
      locks.clear();
      if (!pool.ended) await pool.end();
    },
  };
}

async function run<R>(
  connection: pg.Pool | pg.PoolClient,
  text: string,
  params: readonly unknown[] | undefined,
): Promise<Rows<R>> {
  const name = params === undefined ? undefined : preparedName(text);
  const values = params === undefined ? {} : { values: [...params] };
  const answer = await connection.query(name === undefined ? { text, ...values } : { name, text, ...values });
  // Several statements in one text are answered by a list; the last one counts.
  const last: pg.QueryResult | undefined = Array.isArray(answer) ? answer.at(-1) : answer;
  return { rows: (last?.rows ?? []) as R[], rowCount: last?.rowCount ?? 0 };
}

/** A lost server breaks every idle connection at once: one line until a new connection works. */
function logLostConnections(pool: pg.Pool, logger: Logger): void {
  let logged = false;
  pool.on('connect', () => {
    logged = false;
  });
  pool.on('error', (error) => {
    if (!logged) logger.warn({ err: error }, 'Postgres ended an idle connection');
    logged = true;
  });
}

/** Aborts when the connection no longer answers: TCP alone would notice much later. */
function keepAsking(client: pg.Client, lost: AbortController): void {
  const ping = setInterval(() => {
    client.query('SELECT 1').catch(() => lost.abort());
  }, LOCK_PING_MS);
  ping.unref();
  lost.signal.addEventListener('abort', () => clearInterval(ping), { once: true });
}

/** Ends a connection, without waiting for a server that does not answer. */
async function endClient(client: pg.Client): Promise<void> {
  const patience = new AbortController();
  await Promise.race([
    // The connection may be gone already; then there is nothing left to end.
    client.end().catch(() => undefined),
    setTimeout(LOCK_PING_MS, undefined, { signal: patience.signal, ref: false }).catch(() => undefined),
  ]);
  patience.abort();
}
