import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { applySchema } from '../../../src/repository/postgres/schema.ts';
import { createTestDatabase, openPglite, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await (inject('postgresUrl') === '' ? openPglite() : createTestDatabase());
});
afterAll(() => database.drop());

test('from version 2 to 3, an instance of version 2 goes on marking messages as read', async () => {
  const { db } = database;
  await db.query('DROP FUNCTION chat_mark_read(uuid, int, uuid[], bigint, uuid[], bytea[], text)', []);
  await db.query(
    `CREATE FUNCTION chat_mark_read(
       in_room uuid, reader int, messages uuid[], position_to bigint, event_ids uuid[], payloads bytea[]
     ) RETURNS bigint LANGUAGE sql AS 'SELECT 42::bigint'`,
    [],
  );
  await db.query('ALTER TABLE outbox DROP COLUMN trace_context', []);
  await db.query('DELETE FROM chat_schema WHERE version > 2', []);
  // As that version calls it; there is no such room.
  const markRead = async (): Promise<unknown> =>
    (
      await db.query(
        `SELECT chat_mark_read(gen_random_uuid(), 1, '{}'::uuid[], 1, '{}'::uuid[], '{}'::bytea[]) AS marked`,
        [],
      )
    ).rows;
  expect(await markRead()).toEqual([{ marked: 42 }]);
  await applySchema(db);
  await applySchema(db);
  expect(await markRead()).toEqual([{ marked: null }]);
  const { rows } = await db.query(`SELECT trace_context FROM outbox`, []);
  expect(rows).toEqual([]);
});
