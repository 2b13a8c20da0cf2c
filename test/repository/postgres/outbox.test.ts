import { describe, expect, inject, test, vi } from 'vitest';
import { CommitSignal } from '../../../src/repository/postgres/commit-signal.ts';
import { createPostgresOutbox } from '../../../src/repository/postgres/outbox.ts';
import { exerciseOutbox } from '../../contract/outbox.ts';
import { createTestDatabase, openPglite } from '../../support/database.ts';

exerciseOutbox('outbox on PGlite', openPglite);

describe.skipIf(inject('postgresUrl') === '')('with a PostgreSQL server', () => {
  exerciseOutbox('outbox on PostgreSQL', createTestDatabase);

  test('a lost connection ends the right to dispatch, and another takes it', async () => {
    const { db, drop } = await createTestDatabase();
    const signal = new CommitSignal();
    const lease = await createPostgresOutbox({ db, signal }).acquire();
    await db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks
       WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    await vi.waitFor(() => expect(lease?.lost.aborted).toBe(true), 10_000);
    const next = await vi.waitFor(async () => {
      const taken = await createPostgresOutbox({ db, signal }).acquire();
      if (taken === undefined) throw new Error('still held');
      return taken;
    }, 10_000);
    await next.release();
    await lease?.release();
    await drop();
  });
});
