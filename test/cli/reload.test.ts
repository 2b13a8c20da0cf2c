import { spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';
import { chatClient, tokensClient, usersClient } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { outcomesOf } from '../support/outcomes.ts';
import { findOnPath } from '../support/path.ts';
import { freePort } from '../support/ports.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const [first, second] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
const PUSH_TOKEN = { platform: 'ANDROID', token: 'push' };
const INVALID = { code: Code.Unauthenticated, rawMessage: 'invalid_token' };

/** The process, its file, and the signal that makes it read that again. */
describe.skipIf(inject('postgresUrl') === '')('SIGHUP', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-reload-'));
  const file = join(folder, 'config.json');
  let database: TestDatabase;
  let service: ServiceProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    write({ JWT_PUBLIC_KEY: pem(first.publicKey), RATE_LIMIT_TOKENS_PER_MINUTE: 2 });
    service = await startServiceProcess({
      ...{ DATABASE_URL: database.url, CONFIG_FILE: file, DATA_DIR: 'memory:' },
      // What the environment says counts more than the file.
      ...{ JWT_SECRET: '', RATE_LIMIT_TOKENS_PER_MINUTE: '' },
      // Who traces logs through a child of the logger. Nobody listens there.
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    });
    const admin = await usersClient(service.url, { as: await sign(first.privateKey, { role: 'admin' }) });
    await admin.upsertUsers({ users: [1, 2].map((id) => ({ id, name: `User ${id}` })) });
  });
  afterAll(async () => {
    await service?.kill();
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  function write(settings: Readonly<Record<string, unknown>> | string): void {
    writeFileSync(file, typeof settings === 'string' ? settings : JSON.stringify(settings));
  }

  /** What it said about the reload, up to the line that tells of its end. */
  async function hangUp(last: RegExp): Promise<readonly string[]> {
    const before = lines().length;
    service.child.kill('SIGHUP');
    const told = () =>
      lines()
        .slice(before)
        .map(({ msg }) => String(msg))
        .filter((msg) => msg.includes('reloaded'));
    await expect.poll(() => told().at(-1)).toMatch(last);
    return told();
  }

  function lines(): Readonly<Record<string, unknown>>[] {
    return service
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line));
  }

  const saves = async (token: string) => {
    const tokens = await tokensClient(service.url, { as: token });
    return await outcomesOf(Array.from({ length: 6 }, () => () => tokens.saveToken(PUSH_TOKEN)));
  };

  test('takes over keys, limits and log level, and nothing else; streams go on', async () => {
    const [old, fresh] = await Promise.all([sign(first.privateKey), sign(second.privateKey)]);
    const chat = await chatClient(service.url, { as: old, clientId: 'c' });
    const { room } = await chat.createRoom({ type: 'group', name: 'x', participants: [2] });
    await expect((await chatClient(service.url, { as: fresh })).getRooms({})).rejects.toMatchObject(INVALID);
    expect((await saves(old)).refused.length).toBeGreaterThan(0);
    const closing = new AbortController();
    const stream = chat.streamMessages({}, { signal: closing.signal })[Symbol.asyncIterator]();
    await until(stream, 'connected');

    write({
      ...{ JWT_PUBLIC_KEY: pem(second.publicKey), RATE_LIMIT_TOKENS_PER_MINUTE: 500, LOG_LEVEL: 'debug' },
      ...{ MAX_STREAMS_PER_USER: 1, STREAM_BUFFER: 7 },
    });
    const told = await hangUp(/^reloaded: /);
    expect(told).toEqual([
      'not reloaded, needs a restart: STREAM_BUFFER',
      'reloaded: JWT_PUBLIC_KEY, LOG_LEVEL, MAX_STREAMS_PER_USER, RATE_LIMIT_TOKENS_PER_MINUTE',
    ]);

    await expect(chat.getRooms({})).rejects.toMatchObject(INVALID);
    const renewed = await chatClient(service.url, { as: fresh, clientId: 'd' });
    expect((await saves(fresh)).refused).toEqual([]);
    await renewed.sendMessage({ roomId: room?.id ?? '', content: 'YQ==' });
    await until(stream, 'message');
    // The stream that is open counts.
    const another = renewed.streamMessages({})[Symbol.asyncIterator]();
    await expect(another.next()).rejects.toMatchObject({ rawMessage: 'too many connections' });
    await expect.poll(() => lines().map(({ msg }) => msg)).toContain('publishing an event');
    expect(service.log()).not.toContain('BEGIN PUBLIC KEY');
    closing.abort();
  });

  test.each([
    ['no JSON', '{', ['CONFIG_FILE']],
    [
      'wrong values',
      { JWT_PUBLIC_KEY: 'secret', LOG_LEVEL: 'loud', MAX_STREAMS_PER_USER: -1 },
      ['JWT_PUBLIC_KEY', 'LOG_LEVEL', 'MAX_STREAMS_PER_USER'],
    ],
    [
      'two keys',
      { JWT_PUBLIC_KEY: pem(first.publicKey), JWT_SECRET: 'x'.repeat(32) },
      ['JWT_PUBLIC_KEY, JWT_SECRET'],
    ],
  ])('changes nothing when the file has %s, and says all that is wrong', async (_, content, names) => {
    write(content);
    const [line] = await hangUp(/^not reloaded, nothing is changed/);
    for (const name of names) expect(line).toContain(`${name}: `);
    expect(line).not.toContain('"secret"');
    const token = await sign(second.privateKey);
    await (await chatClient(service.url, { as: token })).getRooms({});
    expect((await saves(token)).refused).toEqual([]);
  });

  test('without any key in the file, those before stay', async () => {
    write({ LOG_LEVEL: 'info', RATE_LIMIT_TOKENS_PER_MINUTE: 500 });
    const told = await hangUp(/^reloaded: /);
    expect(told).toContain('not reloaded, needs a restart: JWT_PUBLIC_KEY');
    await (await chatClient(service.url, { as: await sign(second.privateKey) })).getRooms({});
  });

  test.skipIf(findOnPath('script') === undefined)(
    'reloads in a terminal, too; one that is closed stops the service as ever',
    async () => {
      write({ JWT_PUBLIC_KEY: pem(first.publicKey) });
      // A terminal of its own, which is closed with this process.
      const terminal = spawn('script', ['-qec', 'echo pid=$$; exec node src/main.ts serve', '/dev/null'], {
        env: {
          ...{ PATH: process.env.PATH, DATABASE_URL: database.url, DATA_DIR: 'memory:' },
          ...{ CONFIG_FILE: file, SERVER_ADDRESS: '127.0.0.1:0' },
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let shown = '';
      terminal.stdout.on('data', (chunk) => {
        shown += String(chunk);
      });
      await expect.poll(() => shown, { timeout: 60_000 }).toContain('listening');
      const pid = Number(/pid=(\d+)/.exec(shown)?.[1]);
      try {
        process.kill(pid, 'SIGHUP');
        await expect.poll(() => shown).toContain('reloaded: nothing has changed');
        terminal.kill('SIGKILL');
        await expect.poll(() => lives(pid)).toBe(false);
      } finally {
        if (lives(pid)) process.kill(pid, 'SIGKILL');
      }
    },
  );
});

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Reads on to an event of that kind. */
async function until(
  stream: AsyncIterator<MessageEvent>,
  kind: MessageEvent['event']['case'],
): Promise<void> {
  for (;;) {
    const { value, done } = await stream.next();
    if (done === true) throw new Error('the stream ended');
    if (value.event.case === kind) return;
  }
}

function pem(key: KeyObject): string {
  return String(key.export({ type: 'spki', format: 'pem' }));
}

async function sign(key: KeyObject, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const token = new SignJWT({ user_id: 1, ...claims }).setProtectedHeader({ alg: 'EdDSA' });
  return await token.setExpirationTime('1h').sign(key);
}
