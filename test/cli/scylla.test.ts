import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { runMigrate } from '../../src/cli/migrate.ts';
import { run } from '../../src/cli/run.ts';
import { createProgressView, describeProgress } from '../../src/cli/scylla/progress.ts';
import { runScylla } from '../../src/cli/scylla.ts';
import { migrateCqlSchema } from '../../src/repository/scylla/migration/schema-migration.ts';
import { checkCqlSchema, readCqlVersion } from '../../src/repository/scylla/schema.ts';
import { connectScylla } from '../../src/repository/scylla/session.ts';
import { enterStore, readStoreState } from '../../src/repository/scylla/store-state.ts';
import { writeBulkRooms } from '../support/bulk-rooms.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTestKeyspace, scyllaConfig, scyllaEnv, type TestKeyspace } from '../support/keyspace.ts';
import { freePort } from '../support/ports.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const missing = inject('postgresUrl') === '' || inject('cassandraContactPoint') === '';

let out: string[];
let err: string[];
beforeEach(() => {
  out = [];
  err = [];
  vi.spyOn(console, 'log').mockImplementation((text) => void out.push(String(text)));
  vi.spyOn(console, 'error').mockImplementation((text) => void err.push(String(text)));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err.push(String(text).trimEnd());
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('arguments of the scylla command', () => {
  it.each([
    [[], 'what to do?'],
    [['rollback'], 'there is no "rollback"'],
    [['migrate', 'now'], '"now" makes no sense'],
    [['migrate', '--fast'], '--fast'],
    [['migrate', '--batch-size', '0'], '--batch-size "0": must be a whole number from 1 to 10000'],
    [['migrate', '--batch-size', '10001'], 'from 1 to 10000'],
    [['migrate', '--workers', 'many'], '--workers "many"'],
    [['migrate', '--workers', '65'], 'from 1 to 64'],
    [['migrate', '--since', 'yesterday'], '--since "yesterday": must be a time'],
    [['migrate', '--until', '2024-02-30'], '--until "2024-02-30": must be a time'],
    [['migrate', '--since', '2024-02-02', '--until', '2024-02-01'], '--since must be before --until'],
    [['migrate', '--room-id', '7'], '--room-id "7": must be the id of a room'],
    [['migrate', '--samples', '7'], '--samples makes no sense with migrate'],
    [['validate', '--dry-run'], '--dry-run makes no sense with validate'],
    [['status', '--workers', '2'], '--workers makes no sense with status'],
  ])('%j are refused with the usage', async (argv, text) => {
    expect(await run(['scylla', ...argv], {})).toBe(2);
    expect(err.join('\n')).toContain(text);
    expect(err.join('\n')).toContain('Usage: npx connect-chat scylla');
    expect(out).toEqual([]);
  });

  it('shows help with examples', async () => {
    expect(await run(['scylla', 'migrate', '--help'], {})).toBe(0);
    expect(out.join()).toContain('Examples:');
  });

  it('tells what is wrong with the settings', async () => {
    expect(await runScylla(['status'], { SCYLLA_TIMEOUT_MS: 'soon' })).toBe(1);
    expect(err.join()).toContain('SCYLLA_TIMEOUT_MS');
  });
});

describe('the progress of a migration', () => {
  const progress = { rooms: 40, roomsDone: 12, messages: 400_000, messagesDone: 120_000 };

  it('is told in one line', () => {
    expect(describeProgress(progress, 6_100)).toBe(
      'migrated 12 of 40 rooms, 120000 of 400000 messages, 6100 messages/s, 46 s left',
    );
    expect(describeProgress(progress, 0)).not.toContain('left');
    expect(describeProgress(progress, 6_100, true)).not.toContain('left');
  });

  it('is a line now and then where nobody watches', async () => {
    const stream = new PassThrough({ encoding: 'utf8' });
    const view = createProgressView(stream, 1);
    view.update(progress);
    await expect.poll(() => String(stream.read() ?? '')).toContain('migrated 12 of 40 rooms');
    view.end();
    expect(String(stream.read())).toMatch(
      /migrated 12 of 40 rooms, 120000 of 400000 messages, \d+ messages\/s\n$/,
    );
  });

  it('is a bar on a terminal, below what there is to read', async () => {
    const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns: 200 });
    const view = createProgressView(stream);
    view.say('room 7 was skipped');
    view.update(progress);
    let shown = '';
    await expect
      .poll(() => {
        shown += String(stream.read() ?? '');
        return shown;
      })
      .toMatch(/█.*30% \| migrated 12 of 40 rooms/);
    expect(shown).toContain('room 7 was skipped');
    view.end();
    expect(String(stream.read())).toMatch(/migrated 12 of 40 rooms, .* messages\/s\n$/);
  });
});

describe.skipIf(missing)('the scylla command', () => {
  let database: TestDatabase;
  let keyspace: TestKeyspace;
  let env: Record<string, string>;
  beforeAll(async () => {
    keyspace = await createTestKeyspace();
  });
  afterAll(async () => await keyspace?.drop());
  beforeEach(async () => {
    database = await createTestDatabase();
    env = { ...keyspace.env, DATABASE_URL: database.url };
    for (const table of ['room_details', 'rooms_by_user'])
      await keyspace.session.define(`TRUNCATE ${keyspace.config.keyspace}.${table}`);
  });
  afterEach(async () => await database?.drop());

  it('counts, migrates, validates, and tells how it is', async () => {
    await writeBulkRooms(database.db, 2, 30);
    await database.db.query(`UPDATE chat_store SET mirror_since = now()`);
    expect(await runScylla(['migrate', '--dry-run'], env)).toBe(0);
    expect(out.join()).toContain(
      'would migrate 2 rooms, 8 memberships, 60 messages, 12 reactions, 12 read positions',
    );
    expect(await runScylla(['validate'], env)).toBe(1);
    expect(err.join('\n')).toContain('message count mismatch: pg=60, scylla=0');
    expect(err.join('\n')).toContain('room count mismatch: pg=2, scylla=0');
    err.length = 0;

    expect(await runScylla(['migrate', '--batch-size', '7', '--workers', '2'], env)).toBe(0);
    expect(err.join()).toContain('migrated 2 of 2 rooms, 60 of 60 messages');
    expect(out.join()).toContain('Scylla has everything');
    expect((await readStoreState(database.db)).migratedAt).toBeInstanceOf(Date);

    out.length = 0;
    expect(await runScylla(['validate', '--samples', '20'], env)).toBe(0);
    expect(out).toEqual([
      expect.stringContaining('compared 20 messages and 2 rooms in full'),
      'both stores agree',
    ]);

    out.length = 0;
    expect(await runScylla(['status'], env)).toBe(0);
    const status = out.join('\n');
    expect(status).toContain(`keyspace ${keyspace.config.keyspace}, schema version 1`);
    expect(status).toContain('PostgreSQL  ');
    expect(status).toMatch(/leader +PostgreSQL/);
    expect(status).toMatch(/mirror +every change since 20/);
    expect(status).toMatch(/migrated +completely at 20/);
    expect(status).toContain('2 of 2 rooms done, 60 of 60 messages');
    expect(status).toMatch(/lag +0 changes/);

    await enterStore(database.db, { reads: true, writes: true, sync: false });
    out.length = 0;
    expect(await runScylla(['status'], env)).toBe(0);
    expect(out.join('\n')).toMatch(/leader +Scylla alone\nlag +0 changes$/);
  });

  it('says so when changes that were made meanwhile may be missing', async () => {
    await writeBulkRooms(database.db, 1, 3);
    expect(await runScylla(['migrate'], env)).toBe(0);
    expect(err.join()).toContain('changes that were made meanwhile may be missing');
    expect(err.join()).toContain('SYNC_TO_SCYLLA=true');
  });

  it('ends with 1 when something was skipped', async () => {
    const [roomId] = await writeBulkRooms(database.db, 1, 3);
    await database.db.query(
      `UPDATE room_message SET sender_message_id = repeat('x', 70000) WHERE sequence = 2`,
    );
    expect(await runScylla(['migrate'], env)).toBe(1);
    expect(err.join('\n')).toMatch(/message [0-9a-f-]{36} was skipped/);
    expect(err.join('\n')).toContain('0 rooms and 1 messages were skipped');
    expect(await runScylla(['migrate', '--room-id', roomId ?? ''], env)).toBe(1);
  });

  it('tells why it failed, without passwords and stacks', async () => {
    const away = {
      SCYLLA_HOSTS: `127.0.0.1:${await freePort()}`,
      SCYLLA_USERNAME: 'u',
      SCYLLA_PASSWORD: 'secret-word',
    };
    expect(await runScylla(['migrate'], { ...env, ...away })).toBe(1);
    expect(err.join('\n')).toContain(`Scylla can't be used at ${away.SCYLLA_HOSTS}`);
    expect(await runScylla(['status'], { ...env, ...away })).toBe(1);
    expect(out.join('\n')).toMatch(/lag +0 changes/);
    const noDatabase = `postgres://user:secret-word@127.0.0.1:${await freePort()}/chat`;
    expect(await runScylla(['validate'], { ...env, DATABASE_URL: noDatabase })).toBe(1);
    expect(err.join('\n')).toContain("Postgres can't be used at");
    expect(await runScylla(['validate'], { ...env, SCYLLA_KEYSPACE: 'chat_nothing' })).toBe(1);
    expect(err.join('\n')).toContain('run `npm run migrate` first');
    expect(await runScylla(['migrate', '--room-id', '00000000-0000-4000-8000-000000000000'], env)).toBe(1);
    expect(err.join('\n')).toContain('there is no room');
    expect(err.join('\n')).not.toMatch(/secret-word|^\s+at /m);
  });

  it('goes on after it was killed', async () => {
    await writeBulkRooms(database.db, 3, 10_000);
    const first = start(['migrate', '--batch-size', '200', '--workers', '1']);
    const migrated = async (): Promise<number> => {
      const query = 'SELECT coalesce(sum(sequence), 0)::int AS messages FROM scylla_migration';
      return (await database.db.query<{ messages: number }>(query)).rows[0]?.messages ?? 0;
    };
    await expect.poll(migrated, { interval: 5 }).toBeGreaterThan(0);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const before = await migrated();
    expect(before).toBeLessThan(30_000);

    const second = start(['migrate', '--workers', '2']);
    let said = '';
    second.stdout?.on('data', (text) => {
      said += String(text);
    });
    const [code] = await once(second, 'exit');
    expect(code).toBe(0);
    expect(said).toContain('went on with a migration that had not ended');
    expect(await runScylla(['validate'], env)).toBe(0);
    expect(out.join()).toContain('30000 messages');
  });

  it('migrate makes the keyspace where Scylla is named, also twice at once', async () => {
    const config = scyllaConfig(inject('cassandraContactPoint'));
    const named = { ...scyllaEnv(config), DATABASE_URL: database.url };
    const session = await connectScylla(config, pino({ level: 'silent' }));
    try {
      expect(await Promise.all([runMigrate([], named), runMigrate([], named)])).toEqual([0, 0]);
      await checkCqlSchema(session, config);
      expect(
        out.filter((line) => line.includes(`keyspace ${config.keyspace}: the schema is at version 1`)),
      ).toHaveLength(2);
      const replication = await session.read<{ replication: unknown }>(
        'SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?',
        [config.keyspace],
      );
      expect(JSON.stringify(replication)).toContain('"1"');
      await session.define(`INSERT INTO ${config.keyspace}.chat_schema (version) VALUES (99)`);
      expect(await runMigrate([], named)).toBe(1);
      expect(err.join()).toContain('version 99');
    } finally {
      await session.define(`DROP KEYSPACE IF EXISTS ${config.keyspace}`);
      await session.close();
    }
  });

  it('migrate waits for who else changes schemas', async () => {
    const config = scyllaConfig(inject('cassandraContactPoint'));
    const logger = pino({ level: 'silent' });
    const session = await connectScylla(config, logger);
    // The key of applySchema's lock.
    const lease = await database.db.tryLock(7_242_802_101);
    let attempts = 0;
    const tryLock: TestDatabase['db']['tryLock'] = async (key) => {
      attempts += 1;
      return await database.db.tryLock(key);
    };
    try {
      const migrating = migrateCqlSchema({ ...database.db, tryLock }, config, logger);
      await expect.poll(() => attempts).toBeGreaterThan(1);
      expect(await readCqlVersion(session, config.keyspace)).toBeUndefined();
      await lease?.release();
      expect(await migrating).toBe(1);
      expect(await readCqlVersion(session, config.keyspace)).toBe(1);
    } finally {
      await session.define(`DROP KEYSPACE IF EXISTS ${config.keyspace}`);
      await session.close();
    }
  });

  it('migrate leaves Scylla alone where nobody names it, and looks for it where it is used', async () => {
    expect(await runMigrate([], { DATABASE_URL: database.url })).toBe(0);
    expect(out).toHaveLength(1);
    const used = {
      DATABASE_URL: database.url,
      SYNC_TO_SCYLLA: 'true',
      CASSANDRA_PORT: String(await freePort()),
    };
    expect(await runMigrate([], used)).toBe(1);
    expect(err.join()).toContain("Scylla can't be used");
  });

  function start(argv: readonly string[]): ChildProcess {
    return spawn(process.execPath, [MAIN, 'scylla', ...argv], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }
});
