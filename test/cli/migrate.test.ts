import { randomUUID } from 'node:crypto';
import pg from 'pg';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { runMigrate } from '../../src/cli/migrate.ts';
import { createPgDb } from '../../src/repository/postgres/pg-db.ts';
import { checkSchema } from '../../src/repository/postgres/schema.ts';
import { freePort } from '../support/ports.ts';

describe.skipIf(inject('postgresUrl') === '')('the migrate command', () => {
  const server = inject('postgresUrl');
  const name = `chat_migrate_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(server || 'postgres://none');
  url.pathname = `/${name}`;
  let out: string[];
  let err: string[];

  beforeAll(() => admin(`CREATE DATABASE ${name}`));
  afterAll(() => admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  beforeEach(() => {
    out = [];
    err = [];
    vi.spyOn(console, 'log').mockImplementation((text) => void out.push(String(text)));
    vi.spyOn(console, 'error').mockImplementation((text) => void err.push(String(text)));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('makes the schema that the service needs, may be repeated, and says what it did', async () => {
    expect(await runMigrate([], { DATABASE_URL: url.href })).toBe(0);
    expect(await runMigrate([], { DATABASE_URL: url.href })).toBe(0);
    const db = createPgDb({ url: url.href, maxConnections: 1, logger: pino({ level: 'silent' }) });
    await checkSchema(db);
    await db.close();
    expect(out).toHaveLength(2);
    expect(out[0]).toContain(name);
    expect(err).toEqual([]);
  });

  it('needs a database', async () => {
    expect(await runMigrate([], {})).toBe(1);
    expect(err.join()).toContain('DATABASE_URL');
  });

  it('tells why it failed, without the password', async () => {
    const away = `postgres://user:secret-word@127.0.0.1:${await freePort()}/chat`;
    expect(await runMigrate([], { DATABASE_URL: away })).toBe(1);
    expect(err.join()).toContain('ECONNREFUSED');
    expect(err.join()).not.toContain('secret-word');
  });

  it('refuses arguments that it does not know', async () => {
    expect(await runMigrate(['--down'], { DATABASE_URL: url.href })).toBe(2);
    expect(err.join()).toContain('Usage:');
  });

  async function admin(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(statement);
    await client.end();
  }
});
