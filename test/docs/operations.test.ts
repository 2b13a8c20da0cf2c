import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { SETTINGS } from '../../src/config/settings.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { DISPATCH_LOCK } from '../../src/repository/postgres/outbox.ts';
import { createPgDb } from '../../src/repository/postgres/pg-db.ts';
import { applySchema } from '../../src/repository/postgres/schema.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { readSourceFiles } from '../support/source-files.ts';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/operations.md', root), 'utf8');
/** Names of settings and the like that other programs have. */
const FOREIGN = ['SENDER_MESSAGE_ID', 'MESSAGE_ID', 'USER_ID', 'CHAT_EVENTS'];

describe('docs/operations.md', () => {
  it('names settings, metrics, scripts and files that exist', async () => {
    const settings = new Set([...text.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g)].map(([name]) => name));
    expect([...settings].filter((name) => !(name in SETTINGS) && !FOREIGN.includes(name))).toEqual([]);
    const exposed = await createMetrics().registry.metrics();
    const metrics = new Set([...text.matchAll(/`((?:chat|process)_\w+)[`{]/g)].map(([, name = '']) => name));
    expect(metrics.size).toBeGreaterThan(8);
    expect([...metrics].filter((name) => !exposed.includes(`# TYPE ${name} `))).toEqual([]);
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(
      readFileSync(new URL('package.json', root), 'utf8'),
    );
    const named = [...text.matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(new URL(link, new URL('docs/', root))))).toEqual([]);
  });

  it('names log lines that the service writes, at their level', () => {
    const sources = readSourceFiles(fileURLToPath(root), ['src']).map(({ path }) =>
      readFileSync(new URL(path, root), 'utf8'),
    );
    const rows = [...text.matchAll(/^\| `([^`]+)` \| (warn|error|fatal) \|/gm)];
    expect(rows.length).toBeGreaterThan(10);
    for (const [, line = '', level = ''] of rows) {
      // The dispatcher names its failures in one place and logs them in another.
      const written = sources.some(
        (source) =>
          source.includes(line) &&
          (new RegExp(`\\.${level}\\([^;]*?${literally(line)}`).test(source) ||
            new RegExp(`#fail\\([^;]*?${literally(line)}`).test(source) ||
            new RegExp(`\\.${level}\\(\\{ problem \\}, '${literally(line)}`).test(source)),
      );
      expect(written, `${level}: ${line}`).toBe(true);
    }
  });

  function literally(line: string): string {
    return line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  }
});

describe.skipIf(!inject('canStart').postgres)('the statements of docs/operations.md', () => {
  const statements = [...text.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, block = '']) => block);
  let postgres: PostgresServer;
  let client: pg.Client;

  beforeAll(async () => {
    postgres = await startPostgres({ durable: true });
    const first = new pg.Client(postgres.url);
    await first.connect();
    await first.query(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`);
    await first.end();
    await postgres.kill();
    await postgres.restart();
    const db = createPgDb({ url: postgres.url, maxConnections: 2, logger: pino({ level: 'silent' }) });
    await applySchema(db);
    client = new pg.Client(postgres.url);
    await client.connect();
    await client.query('CREATE EXTENSION pg_stat_statements');
    await db.close();
  });
  afterAll(async () => {
    await client?.end();
    await postgres?.stop();
  });

  it('are there', () => {
    expect(statements.length).toBeGreaterThan(6);
  });

  it.each(statements.map((statement) => [statement.split('\n')[0]?.slice(0, 60), statement]))(
    'run: %s',
    async (_name, statement) => {
      await expect(client.query(statement)).resolves.toBeDefined();
    },
  );

  it('show the names that the service gives its statements', async () => {
    const slow = statements.find((statement) => statement.includes('total_exec_time')) ?? '';
    await client.query(`/* a_named_one */ SELECT 1 FROM room WHERE id = gen_random_uuid()`);
    const { rows } = await client.query<{ statement: string }>(slow);
    expect(rows.map((row) => row.statement)).toContain('a_named_one');
  });

  it('find who publishes events', async () => {
    const db = createPgDb({ url: postgres.url, maxConnections: 2, logger: pino({ level: 'silent' }) });
    const holder = statements.join('\n').match(/SELECT a\.client_addr[\s\S]*?;/)?.[0] ?? '';
    expect((await client.query(holder)).rows).toEqual([]);
    const lease = await db.tryLock(DISPATCH_LOCK);
    expect((await client.query(holder)).rows).toEqual([
      expect.objectContaining({ client_addr: '127.0.0.1' }),
    ]);
    await lease?.release();
    await db.close();
  });
});
