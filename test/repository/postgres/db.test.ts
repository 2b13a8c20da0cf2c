import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Db } from '../../../src/repository/postgres/db.ts';
import { createPgliteDb } from '../../../src/repository/postgres/pglite-db.ts';
import { applySchema, checkSchema } from '../../../src/repository/postgres/schema.ts';
import { createTestDatabase } from '../../support/database.ts';

const logger = pino({ level: 'silent' });

/** What both kinds of database promise alike. */
function exerciseDb(name: string, open: () => Promise<{ db: Db; drop(): Promise<void> }>): void {
  describe(name, () => {
    let db: Db;
    let drop: () => Promise<void>;
    beforeAll(async () => {
      ({ db, drop } = await open());
    });
    afterAll(async () => await drop());

    test('gives every type the same JavaScript value', async () => {
      const { rows } = await db.query(
        `SELECT 9007199254740991::int8 AS big, 7::int4 AS small, ARRAY[1, NULL, 3]::int8[] AS bigs, '{}'::int8[] AS none,
           '2024-05-06T07:08:09.123Z'::timestamptz(3) AS at, $1::json AS doc, $2::uuid AS id, $3::uuid[] AS ids,
           $4::bytea AS bytes, $5::text[] AS texts, $6::timestamptz AS sent, $7::text AS missing, 1.5::float8 AS real`,
        [
          JSON.stringify({ a: [1] }),
          '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
          ['6ba7b811-9dad-11d1-80b4-00c04fd430c8'],
          new Uint8Array([0, 255]),
          ['a,b', '"'],
          '2024-05-06T07:08:09.123Z',
          null,
        ],
      );
      const { bytes, ...row } = rows[0] ?? {};
      expect(row).toEqual({
        big: 9007199254740991,
        small: 7,
        bigs: [1, null, 3],
        none: [],
        at: new Date('2024-05-06T07:08:09.123Z'),
        doc: { a: [1] },
        id: '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        ids: ['6ba7b811-9dad-11d1-80b4-00c04fd430c8'],
        texts: ['a,b', '"'],
        sent: new Date('2024-05-06T07:08:09.123Z'),
        missing: null,
        real: 1.5,
      });
      expect(bytes instanceof Uint8Array && [...bytes]).toEqual([0, 255]);
    });

    test('counts the rows a statement wrote, prepared or not', async () => {
      await db.query('CREATE TABLE counted (n int)');
      expect((await db.query('INSERT INTO counted SELECT generate_series(1, $1::int)', [3])).rowCount).toBe(
        3,
      );
      for (const n of [1, 2]) {
        const text = '/* test_counted */ SELECT n FROM counted WHERE n >= $1 ORDER BY n';
        expect((await db.query(text, [n])).rowCount).toBe(4 - n);
      }
      expect((await db.query('DELETE FROM counted; SELECT 5 AS last')).rows).toEqual([{ last: 5 }]);
    });

    test('rolls back what throws and commits the rest', async () => {
      await db.query('CREATE TABLE kept (n int PRIMARY KEY)');
      await db.transaction(async (tx) => await tx.query('INSERT INTO kept VALUES ($1)', [1]));
      const failing = db.transaction(async (tx) => {
        await tx.query('INSERT INTO kept VALUES ($1)', [2]);
        await tx.query('INSERT INTO kept VALUES ($1)', [1]);
      });
      await expect(failing).rejects.toMatchObject({ code: '23505' });
      expect((await db.query('SELECT n FROM kept', [])).rows).toEqual([{ n: 1 }]);
    });

    test('refuses the Db inside its own transaction instead of waiting for ever', async () => {
      const nested = db.transaction(async () => await db.query('SELECT 1'));
      await expect(nested).rejects.toThrow('inside its own transaction');
      expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    test('gives a lock to one holder at a time', async () => {
      const first = await db.tryLock(77);
      expect(await db.tryLock(77)).toBeUndefined();
      const other = await db.tryLock(78);
      expect(first?.lost.aborted).toBe(false);
      await first?.release();
      await expect.poll(async () => await db.tryLock(77)).toBeDefined();
      await other?.release();
    });

    test('applies the schema again without a change, also twice at once', async () => {
      await Promise.all([applySchema(db), applySchema(db)]);
      await checkSchema(db);
    });

    test('says what to do about a missing or foreign schema', async () => {
      await db.query('INSERT INTO chat_schema (version) VALUES (99)');
      await expect(checkSchema(db)).rejects.toThrow('version 99');
      await expect(applySchema(db)).rejects.toThrow('newer version of the service');
      await db.query('DROP TABLE chat_schema');
      await expect(checkSchema(db)).rejects.toThrow('npm run migrate');
      await applySchema(db);
      await checkSchema(db);
    });
  });
}

describe.skipIf(inject('postgresUrl') === '')('a PostgreSQL server', () => {
  exerciseDb('pg', createTestDatabase);

  test('a lock is lost when the server ends its connection', async () => {
    const { db, drop } = await createTestDatabase();
    try {
      const lock = await db.tryLock(5);
      await db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 5`,
      );
      await expect.poll(() => lock?.lost.aborted).toBe(true);
      const again = await db.tryLock(5);
      expect(again).toBeDefined();
      await again?.release();
    } finally {
      await drop();
    }
  });
});

describe.skipIf(inject('postgresUrl') === '')('a PostgreSQL server that ends a connection', () => {
  test('between two statements fails the transaction, and nothing else', async () => {
    const { db, drop } = await createTestDatabase();
    try {
      const failing = db.transaction(async (tx) => {
        const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid', []);
        // Nothing is under way on the connection while it breaks: an error that nobody listens to would end this process.
        const ended = 'SELECT FROM pg_stat_activity WHERE pid = $1';
        await expectOutside(db, 'SELECT pg_terminate_backend($1)', rows[0]?.pid, 1);
        await expectOutside(db, ended, rows[0]?.pid, 0);
        await tx.query('SELECT 1', []);
      });
      await expect(failing).rejects.toThrow();
      expect((await db.query('SELECT 1 AS one', [])).rows).toEqual([{ one: 1 }]);
    } finally {
      await drop();
    }
  });

  const outside = AsyncLocalStorage.snapshot();

  /** Asks on another connection until there are so many rows. */
  async function expectOutside(db: Db, text: string, pid: number | undefined, rows: number): Promise<void> {
    await outside(
      async () => await expect.poll(async () => (await db.query(text, [pid])).rowCount).toBe(rows),
    );
  }
});

describe('an embedded database', () => {
  const directory = mkdtempSync(join(tmpdir(), 'chat-pglite-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  exerciseDb('PGlite', async () => {
    const db = await createPgliteDb({ dataDir: directory, logger });
    await applySchema(db);
    return { db, drop: async () => await db.close() };
  });

  test('keeps a directory for one process, and takes over what a dead one left', async () => {
    const dataDir = mkdtempSync(join(directory, 'lock-'));
    const lockFile = join(dataDir, 'chat.lock');
    writeFileSync(lockFile, JSON.stringify({ pid: process.ppid, startedAt: '' }));
    await expect(createPgliteDb({ dataDir, logger })).rejects.toThrow(`in use by process ${process.ppid}`);
    // The same process id, but started at another time: long gone.
    writeFileSync(lockFile, JSON.stringify({ pid: process.ppid, startedAt: '1' }));
    const db = await createPgliteDb({ dataDir, logger });
    await expect(createPgliteDb({ dataDir, logger })).rejects.toThrow(`in use by process ${process.pid}`);
    await db.query('CREATE TABLE kept AS SELECT 1 AS n');
    await db.close();
    expect(readdirSync(dataDir)).toEqual(['pglite']);
    const again = await createPgliteDb({ dataDir, logger });
    expect((await again.query('SELECT n FROM kept')).rows).toEqual([{ n: 1 }]);
    await again.close();
  });
});
