import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { encryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import { MASTER } from '../crypto/vectors.ts';
import { chatClient, startTestApp, TEST_JWT_SECRET, type TestApp, tokenOf } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { startNats } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const KEYS = { CHAT_KEY: MASTER.key, CHAT_IV: MASTER.iv };

describe('the terminal client against the service', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const work of cleanups.splice(0).reverse()) await work();
  });

  it('lets two people talk', async () => {
    const { url } = await start();
    const ana = open(['--as', '1', '--with', '2', '--url', url]);
    await ana.shows(/User 2 {2}just the two of you/);
    const ben = open(['--as', '2', '--room', 'user 1', '--url', url]);
    await ben.shows(/User 1 {2}just the two of you/);

    ana.type('Hello Ben, ¿qué tal? 👋');
    await ben.shows(/User 1 .*Hello Ben, ¿qué tal\? 👋/);
    await ana.shows(/✓✓ Hello Ben/);
    ben.type('fine');
    ben.type('and you?');
    await ana.shows(/fine[\s\S]*and you\?/);
    expect(ana.count(/ fine$/m)).toBe(1);

    ana.type('/quit');
    expect(await ana.exitCode).toBe(0);
    // The end of the input ends it too, after everything was sent.
    ben.type('bye');
    ben.endInput();
    expect(await ben.exitCode).toBe(0);
    expect(ben.text()).toMatch(/✓ {2}bye/);
    expect(ana.errors() + ben.errors()).toBe('');
  });

  it('shows the history to who comes later, and typing', async () => {
    const { url } = await start();
    const client = await chatClient(url, { as: 2 });
    const { room } = await client.createRoom({ type: 'group', name: 'Lunch', participants: [1, 3] });
    const key = createRoomKeys(MASTER).open(room?.encryptionData ?? '');
    const roomId = room?.id ?? '';
    await client.sendMessage({ roomId, content: encryptMessage('soup or salad?', key) });
    await client.updateRoom({ id: roomId, name: 'Lunch at noon' });

    const ana = open(['--as', '1', '--room', 'lunch', '--url', url]);
    await ana.shows(/Lunch at noon {2}group, 3 members/);
    await ana.shows(/User 2 .*soup or salad\?[\s\S]*User 2 named the room “Lunch at noon”/);
    await client.sendTyping({ roomId, isTyping: true });
    await ana.shows(/User is typing/);
  });

  it('shows messages as locked without the key, and can not write', async () => {
    const { url } = await start();
    const client = await chatClient(url, { as: 2 });
    const { room } = await client.createRoom({ type: 'p2p', participants: [1] });
    const key = createRoomKeys(MASTER).open(room?.encryptionData ?? '');
    await client.sendMessage({ roomId: room?.id ?? '', content: encryptMessage('secret', key) });
    const argv = ['--as', '1', '--with', '2', '--url', url, '--token', await tokenOf(1)];
    const ana = open(argv, { DATA_DIR: 'memory:' });
    await ana.shows(/🔒/);
    ana.type('hello');
    await ana.shows(/without the room key nothing can be sent/);
  });

  it.each([
    [
      'the service is not running',
      [],
      /no chat service answers at http:\/\/127\.0\.0\.1:1: start it with npm start/,
      3,
    ],
    ['nobody is named', ['--with', '2'], /who are you\?[\s\S]*Usage:/, 2],
  ])('ends with words, not with a stack, when %s', async (_what, argv, words, exitCode) => {
    const all = argv.length > 0 ? argv : ['--as', '1', '--with', '2', '--url', 'http://127.0.0.1:1'];
    const ana = open(all);
    expect(await ana.exitCode).toBe(exitCode);
    expect(ana.errors()).toMatch(words);
    expect(ana.errors()).not.toMatch(/^\s+at /m);
  });

  it('names the rooms there are when the room is unknown', async () => {
    const { url } = await start();
    await (await chatClient(url, { as: 1 })).createRoom({ type: 'group', name: 'Lunch', participants: [2] });
    const ana = open(['--as', '1', '--room', 'dinner', '--url', url]);
    expect(await ana.exitCode).toBe(1);
    expect(ana.errors()).toMatch(/no room of yours is called “dinner”[\s\S]*Lunch {2}group/);
  });

  describe.skipIf(!inject('canStart').nats || inject('postgresUrl') === '')(
    'when its service instance goes',
    () => {
      it('resumes on its return with what was said meanwhile on another instance, once', async () => {
        const database = await createTestDatabase();
        cleanups.push(() => database.drop());
        const nats = await startNats();
        cleanups.push(() => nats.stop());
        const shared = { databaseUrl: database.url, broker: nats.url as `nats://${string}` };
        const port = await freePort();
        const fixed = { ...shared, env: { ...KEYS, SERVER_ADDRESS: `127.0.0.1:${port}` } };
        const first = await startTestApp(fixed);
        cleanups.push(() => first.stop());
        const other = await startTestApp({ ...shared, env: KEYS });
        cleanups.push(() => other.stop());

        const ana = open(['--as', '1', '--with', '2', '--url', first.url]);
        await ana.shows(/just the two of you/);
        ana.type('before');
        await ana.shows(/✓ {2}before/);
        await first.stop();
        await ana.shows(/connection lost/);
        ana.type('typed meanwhile');

        const ben = open(['--as', '2', '--with', '1', '--url', other.url]);
        await ben.shows(/before/);
        for (const text of ['one', 'two', 'three']) ben.type(text);
        await ben.shows(/✓ {2}three/);

        const again = await startTestApp(fixed);
        cleanups.push(() => again.stop());
        await ana.shows(/connection resumed, \d messages? while away/);
        await ana.shows(/ one\n[\s\S]* two\n[\s\S]* three\n/);
        await ana.shows(/✓✓? ? typed meanwhile/);
        await ben.shows(/User 1 .*typed meanwhile/);
        expect(ana.text()).not.toContain('resync');
        for (const line of [/ one$/gm, / two$/gm, / three$/gm]) expect(ana.count(line)).toBe(1);
        expect(ben.count(/ typed meanwhile$/gm)).toBe(1);
      });
    },
  );

  async function start(): Promise<TestApp> {
    const app = await startTestApp({ env: KEYS });
    cleanups.push(() => app.stop());
    return app;
  }

  function open(argv: readonly string[], env: Readonly<Record<string, string>> = KEYS): Client {
    const client = new Client(argv, env);
    cleanups.push(() => client.kill());
    return client;
  }
});

/** `npm run chat` in a process of its own, on plain lines. */
class Client {
  readonly exitCode: Promise<number | null>;
  readonly #process: ChildProcess;
  #out = '';
  #err = '';

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    this.#process = spawn(process.execPath, [MAIN, 'chat', ...argv], {
      env: { PATH: process.env.PATH, JWT_SECRET: TEST_JWT_SECRET, DATA_DIR: 'memory:', ...env },
      stdio: 'pipe',
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    this.exitCode = once(this.#process, 'close').then(([code]) => code);
  }

  type(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  endInput(): void {
    this.#process.stdin?.end();
  }

  async shows(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.#out).toMatch(pattern);
  }

  text(): string {
    return this.#out;
  }

  errors(): string {
    return this.#err;
  }

  count(pattern: RegExp): number {
    return this.#out.match(new RegExp(pattern, 'gm'))?.length ?? 0;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exitCode;
  }
}
