import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { loadOrMakeSecrets, loadSecrets } from '../src/cli/secrets.ts';
import { loadConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import {
  chatClient,
  PROTOCOLS,
  startTestApp,
  TEST_JWT_SECRET,
  type TestApp,
  tokenOf,
  usersClient,
} from './support/app.ts';
import { createTestDatabase } from './support/database.ts';
import { freePort } from './support/ports.ts';
import { startPostgres } from './support/postgres-server.ts';

const main = new URL('../src/main.ts', import.meta.url).pathname;
/** Making the first embedded database takes seconds, many on a busy machine. */
const START_MS = 120_000;
const folders: string[] = [];
const apps: TestApp[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const app of apps.splice(0)) await app.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'chat-life-'));
  folders.push(path);
  return path;
}

async function testApp(...options: Parameters<typeof startTestApp>): Promise<TestApp> {
  const app = await startTestApp(...options);
  apps.push(app);
  return app;
}

interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly code: Promise<number | null>;
}

/** The process as npm starts it, with nothing of this machine's settings. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = folder()): Run {
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  return { child, out: () => out, err: () => err, code: once(child, 'close').then(([code]) => code) };
}

async function listening(started: Run): Promise<string> {
  await expect.poll(() => started.out(), { timeout: START_MS }).toContain('"listening"');
  const line = started
    .out()
    .split('\n')
    .find((text) => text.includes('"listening"'));
  return JSON.parse(line ?? '{}').url;
}

async function refusalOf(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

describe('from nothing', () => {
  test(
    'start, token, message, restart with the same data and secrets, stop',
    async () => {
      const cwd = folder();
      const env = { SERVER_ADDRESS: '127.0.0.1:0' };
      const first = run(['serve'], env, cwd);
      const url = await listening(first);
      await expect.poll(() => first.err()).toContain(url);
      expect(first.err()).toContain('SendMessage');
      const token = (await runToEnd(['token', '1'], {}, cwd)).out.trim();
      expect(first.out() + first.err()).not.toContain(token);
      const ana = await chatClient(url, { as: token });
      const { items } = await ana.getRooms({});
      expect(items.length).toBeGreaterThan(0);
      const roomId = items[0]?.id ?? '';
      const sent = await ana.sendMessage({ roomId, content: 'AAAA', senderMessageId: 'once' });
      first.child.kill('SIGTERM');
      expect(await first.code).toBe(0);

      const second = run([], env, cwd);
      const again = await chatClient(await listening(second), { as: token });
      const repeated = await again.sendMessage({ roomId, content: 'AAAA', senderMessageId: 'once' });
      expect(repeated.message?.id).toBe(sent.message?.id);
      second.child.kill('SIGINT');
      expect(await second.code).toBe(0);
      for (const line of (first.out() + second.out()).trim().split('\n'))
        expect(JSON.parse(line)).toHaveProperty('level');
    },
    3 * START_MS,
  );
});

async function runToEnd(args: readonly string[], env: Record<string, string> = {}, cwd?: string) {
  const started = run(args, env, cwd);
  const code = await started.code;
  return { code, out: started.out(), err: started.err() };
}

describe('the command line', () => {
  test('help on stdout, unknown commands on stderr with code 2', async () => {
    const help = await runToEnd(['help']);
    expect([help.code, help.out]).toEqual([0, expect.stringContaining('npx connect-chat dev')]);
    const unknown = await runToEnd(['frobnicate']);
    expect([unknown.code, unknown.out, unknown.err]).toEqual([
      2,
      '',
      expect.stringContaining('"frobnicate"'),
    ]);
  });

  test('every wrong setting at once, code 1, and nothing listens', async () => {
    const result = await runToEnd(['serve'], {
      LOG_LEVEL: 'loud',
      CHAT_KEY: 'abc',
      SERVER_ADDRESS: 'nowhere',
    });
    expect(result.code).toBe(1);
    for (const name of ['LOG_LEVEL', 'CHAT_KEY', 'CHAT_IV', 'SERVER_ADDRESS'])
      expect(result.err).toContain(name);
    expect(result.out).toBe('');
  });

  test('production without its settings names each of them', async () => {
    const result = await runToEnd(['serve'], { MODE: 'PROD' });
    expect(result.code).toBe(1);
    for (const name of ['DATABASE_URL', 'NATS_URL', 'JWT_JWKS_URL', 'CHAT_KEY', 'CHAT_IV']) {
      expect(result.err).toMatch(new RegExp(`^ *${name}: not set`, 'm'));
    }
  });

  test('a warning for a mistyped variable', async () => {
    const result = await runToEnd(['serve'], { STREAM_BUFER: '1', DATABASE_URL: 'postgres://127.0.0.1:1/x' });
    expect(result.out).toContain('did you mean STREAM_BUFFER?');
  });
});

describe('a start that fails says why', () => {
  test('an unreachable database', async () => {
    const port = await freePort();
    const url = `postgres://chat:hunter2@127.0.0.1:${port}/chat`;
    const result = await runToEnd(['serve'], { DATABASE_URL: url });
    expect(result.code).toBe(1);
    expect(result.out).toContain(`Postgres can't be used at 127.0.0.1:${port}/chat`);
    expect(result.out + result.err).not.toContain('hunter2');
  });

  test.skipIf(inject('postgresUrl') === '')('a database without the schema', async () => {
    const { url, db, drop } = await createTestDatabase();
    await db.query('DROP TABLE chat_schema CASCADE', []);
    const result = await runToEnd(['serve'], { DATABASE_URL: url, SERVER_ADDRESS: '127.0.0.1:0' });
    await drop();
    expect(result.code).toBe(1);
    expect(result.out).toContain('npm run migrate');
  });

  test.skipIf(inject('postgresUrl') === '')(
    'a port in use, and everything else is closed again',
    async () => {
      const first = await testApp();
      const { port } = first.app.address();
      const { config } = loadConfig({
        DATABASE_URL: first.databaseUrl,
        JWT_SECRET: TEST_JWT_SECRET,
        DATA_DIR: 'memory:',
        SERVER_ADDRESS: `127.0.0.1:${port}`,
      });
      const second = createApp(config, createLogger({ level: 'silent', production: true }));
      await expect(second.start()).rejects.toThrow(`can't listen on 127.0.0.1:${port}: the port is in use`);
      await second.stop();
      await expect(second.parts().db.query('SELECT 1', [])).rejects.toThrow();
    },
  );
});

describe.skipIf(inject('postgresUrl') === '')('stopping', () => {
  test('streams of every protocol end with unavailable; the app can be stopped twice', async () => {
    const { app, url } = await testApp();
    const streams = [];
    for (const protocol of PROTOCOLS) {
      const client = await chatClient(url, { as: 1, protocol, clientId: protocol });
      const stream = client.streamMessages({})[Symbol.asyncIterator]();
      expect((await stream.next()).value?.event).toEqual({ case: 'connected', value: true });
      streams.push(stream);
    }
    const ends = streams.map((stream) => refusalOf(stream.next()));
    await Promise.all([app.stop(), app.stop()]);
    for (const end of ends) {
      const error = await end;
      expect([error.code, error.rawMessage]).toEqual([Code.Unavailable, 'shutting_down']);
    }
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  test('what was sent just before is published before the process ends', async () => {
    const { app, url } = await testApp();
    const client = await chatClient(url, { as: 1 });
    const { room } = await client.createRoom({ type: 'p2p', participants: [2] });
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        client.sendMessage({ roomId: room?.id ?? '', content: 'AAAA', senderMessageId: `m${i}` }),
      ),
    );
    const { dispatcher } = app.parts();
    await app.stop();
    // Two joins, and two events for each message.
    expect(dispatcher.stats().published).toBe(2 + 100);
  });

  test('an app that was never started', async () => {
    const { config } = loadConfig({ DATA_DIR: 'memory:' });
    const app = createApp(config, createLogger({ level: 'silent', production: true }));
    await app.stop();
    await app.start();
    expect(() => app.address()).toThrow('not started');
  });

  test('a stop during the start', async () => {
    const { databaseUrl } = await testApp();
    const { config } = loadConfig({
      DATABASE_URL: databaseUrl,
      DATA_DIR: 'memory:',
      SERVER_ADDRESS: '127.0.0.1:0',
    });
    const app = createApp(config, createLogger({ level: 'silent', production: true }));
    const starting = app.start();
    await app.stop();
    await starting;
    await expect(fetch(`${app.address().url}/health`)).rejects.toThrow();
  });

  test('the second signal ends the process at once', async () => {
    const { databaseUrl } = await testApp();
    const env = { DATABASE_URL: databaseUrl, JWT_SECRET: TEST_JWT_SECRET, SERVER_ADDRESS: '127.0.0.1:0' };
    const started = run(['serve'], env);
    const url = await listening(started);
    // A request that never ends keeps the graceful stop waiting.
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{')) });
    const stuck = fetch(`${url}/services.chat.v1.ChatService/GetRooms`, {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { authorization: `Bearer ${await tokenOf(1)}`, 'content-type': 'application/json' },
    } as RequestInit);
    stuck.catch(() => {});
    const ready = async (): Promise<number> => (await fetch(`${url}/readyz`)).status;
    expect(await ready()).toBe(200);
    started.child.kill('SIGTERM');
    await expect.poll(() => started.out()).toContain('"stopping"');
    started.child.kill('SIGTERM');
    expect(await started.code).not.toBe(0);
  });
});

describe.skipIf(!inject('canStart').postgres || !inject('canStart').nats)(
  'dependencies that come and go',
  () => {
    test('/readyz names the one that is away; without NATS messages are still stored, and published when it is back', async () => {
      const postgres = await startPostgres();
      const database = await createTestDatabase(postgres.url);
      await database.db.close();
      const port = await freePort();
      const { url } = await testApp({ databaseUrl: database.url, broker: `nats://127.0.0.1:${port}` });
      const ready = async (): Promise<string> => {
        const answer = await fetch(`${url}/readyz`);
        return `${answer.status} ${await answer.text()}`;
      };
      try {
        expect(await ready()).toBe('503 NATS connection is down');
        const client = await chatClient(url, { as: 1 });
        const { room } = await client.createRoom({ type: 'p2p', participants: [2] });
        expect((await client.sendMessage({ roomId: room?.id ?? '', content: 'AAAA' })).success).toBe(true);
        await postgres.kill();
        await expect.poll(ready, { timeout: 20_000 }).toBe('503 PostgreSQL health check failed');
        const error = await refusalOf(client.getRooms({}));
        expect([error.code, error.rawMessage]).toEqual([Code.Internal, 'internal_server_error']);
        expect((await fetch(`${url}/health`)).status).toBe(200);
      } finally {
        await apps.pop()?.stop();
        await postgres.stop();
      }
    });
  },
);

describe.skipIf(inject('postgresUrl') === '')('identity end to end', () => {
  test('a removed user is out; an administrator can fill an empty database', async () => {
    const { url } = await testApp({ users: 0 });
    const admin = await usersClient(url, { as: 4711 });
    const user = await chatClient(url, { as: 5 });
    expect((await refusalOf(user.getRooms({}))).rawMessage).toBe('invalid_token');
    await admin.upsertUsers({ users: [{ id: 5, name: 'Five' }] });
    expect((await user.getRooms({})).items).toEqual([]);
    await admin.removeUsers({ ids: [5] });
    await expect
      .poll(async () => (await refusalOf(user.getRooms({}))).rawMessage, { timeout: 5_000 })
      .toBe('invalid_token');
  });
});

describe('generated secrets', () => {
  test('are kept, readable by their owner only', () => {
    const dir = join(folder(), 'data');
    const made = loadOrMakeSecrets(dir);
    expect(loadOrMakeSecrets(dir)).toEqual(made);
    expect(loadSecrets(dir)).toEqual(made);
    expect(statSync(join(dir, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(loadOrMakeSecrets(join(folder(), 'other'))).not.toEqual(made);
  });

  test('memory: keeps nothing', () => {
    expect(loadOrMakeSecrets('memory:')).not.toEqual(loadOrMakeSecrets('memory:'));
  });

  test('a damaged file is not silently replaced', () => {
    const dir = folder();
    writeFileSync(join(dir, 'secrets.json'), '{"jwtSecret":"x"}');
    expect(() => loadOrMakeSecrets(dir)).toThrow('damaged');
    expect(readFileSync(join(dir, 'secrets.json'), 'utf8')).toContain('"x"');
    expect(loadSecrets(folder())).toBeUndefined();
  });
});
