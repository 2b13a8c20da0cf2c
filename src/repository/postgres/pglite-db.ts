import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PGlite, type Transaction } from '@electric-sql/pglite';
import { unaccent } from '@electric-sql/pglite/contrib/unaccent';
import type { Logger } from '../../logger.ts';
import { lockDirectory } from './data-directory-lock.ts';
import type { Db, Rows } from './db.ts';

const INT8 = 20;
const INT8_ARRAY = 1016;

/**
 * An embedded PostgreSQL that keeps its data under `dataDir` (power-safe: it waits for the disk), or nothing with `memory:`.
 * Rejects when another process uses the directory. There is one connection: statements and transactions take turns.
 */
export async function createPgliteDb(options: {
  readonly dataDir: string;
  readonly logger: Logger;
}): Promise<Db> {
  if (options.dataDir === 'memory:')
    return asDb(await open('memory://', PGlite.defaultStartParams), () => undefined);
  const directory = resolve(options.dataDir);
  mkdirSync(directory, { recursive: true });
  const unlock = lockDirectory(directory, options.logger);
  try {
    // -F would turn fsync off.
    const durable = PGlite.defaultStartParams.filter((param) => param !== '-F');
    return asDb(await open(join(directory, 'pglite'), durable), unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function open(dataDir: string, startParams: string[]): Promise<PGlite> {
  return await PGlite.create({
    dataDir,
    startParams,
    extensions: { unaccent },
    // The same values as from a server, see pg-db.ts.
    parsers: { [INT8]: Number, [INT8_ARRAY]: parseNumbers },
  });
}

function asDb(lite: PGlite, unlock: () => void): Db {
  const inTransaction = new AsyncLocalStorage<true>();
  const held = new Map<number, AbortController>();

  // PGlite would wait for itself for ever.
  function refuseInTransaction(): void {
    if (inTransaction.getStore() === true) throw new Error('the Db was used inside its own transaction');
  }

  return {
    async query<R>(text: string, params?: readonly unknown[]): Promise<Rows<R>> {
      refuseInTransaction();
      return await run<R>(lite, text, params);
    },

    async transaction(work) {
      refuseInTransaction();
      return await lite.transaction(
        async (tx) =>
          await inTransaction.run(
            true,
            async () => await work({ query: async (text, params) => await run(tx, text, params) }),
          ),
      );
    },

    // Advisory locks of one session exclude nobody; there is no other process, so a set will do.
    async tryLock(key) {
      if (held.has(key)) return undefined;
      const lost = new AbortController();
      held.set(key, lost);
      return {
        lost: lost.signal,
        async release() {
          if (held.get(key) === lost) held.delete(key);
          lost.abort();
        },
      };
    },

    async close() {
      for (const lost of held.values()) lost.abort();
      held.clear();
      if (!lite.closed) await lite.close();
      unlock();
    },
  };
}

async function run<R>(
  connection: PGlite | Transaction,
  text: string,
  params: readonly unknown[] | undefined,
): Promise<Rows<R>> {
  if (params === undefined) {
    // Like a server, this takes several statements; the last one counts.
    const last = (await connection.exec(text)).at(-1);
    const rows = (last?.rows ?? []) as R[];
    return { rows, rowCount: rows.length > 0 ? rows.length : (last?.affectedRows ?? 0) };
  }
  const answer = await connection.query<R>(text, [...params]);
  return {
    rows: answer.rows,
    rowCount: answer.rows.length > 0 ? answer.rows.length : (answer.affectedRows ?? 0),
  };
}

/** Numbers of an int8[] in its text form, which has no quotes and no escapes. */
function parseNumbers(text: string): (number | null)[] {
  const inner = text.slice(1, -1);
  if (inner === '') return [];
  return inner.split(',').map((item) => (item === 'NULL' ? null : Number(item)));
}
