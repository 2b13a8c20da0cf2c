import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MASTER } from '../../crypto/vectors.ts';
import { startTestApp, TEST_JWT_SECRET, type TestApp } from '../../support/app.ts';
import { MiniTerminal } from '../../support/mini-terminal.ts';
import { KEYS } from '../../support/terminal-chat.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
/** Runs a command on a terminal of its own. */
const hasScript = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasScript)('the chat on a terminal', () => {
  let app: TestApp;
  let chat: RealTerminal;
  beforeEach(async () => {
    app = await startTestApp({ env: { CHAT_KEY: MASTER.key, CHAT_IV: MASTER.iv } });
    chat = new RealTerminal(app.url);
  });
  afterEach(async () => {
    await chat.kill();
    await app.stop();
  });

  it('takes the whole screen, sends what is typed, and gives the screen back', async () => {
    await chat.screen.shows(/User 2 {2}direct[\s\S]*online/);
    expect(chat.screen.isAlternate).toBe(true);
    chat.press('¡Hola! 👋', KEYS.enter);
    await chat.screen.shows(/User 1 {2}✓ {2}¡Hola! 👋/);
    chat.press(KEYS.ctrlC);
    expect(await chat.exitCode).toBe(0);
    expect(chat.screen.isAlternate).toBe(false);
  });

  it('gives the screen back when it is terminated', async () => {
    await chat.screen.shows(/online/);
    chat.terminate();
    expect(await chat.exitCode).not.toBe(0);
    expect(chat.screen.isAlternate).toBe(false);
  });

  it('does without the whole screen when told so', async () => {
    await chat.kill();
    chat = new RealTerminal(app.url, ['--plain']);
    await chat.screen.shows(/User 2 {2}just the two of you/);
    expect(chat.screen.isAlternate).toBe(false);
  });
});

/** `npm run chat` on a pseudo-terminal. */
class RealTerminal {
  readonly screen = new MiniTerminal(100, 24);
  readonly exitCode: Promise<number | null>;
  readonly #process: ChildProcess;
  #output = '';

  constructor(url: string, more: readonly string[] = []) {
    const argv = [process.execPath, MAIN, 'chat', '--as', '1', '--with', '2', '--url', url, ...more];
    const command = `stty cols 100 rows 24; echo "pid=$$;"; exec ${argv.map((one) => `'${one}'`).join(' ')}`;
    this.#process = spawn('script', ['-qfec', command, '/dev/null'], {
      env: {
        ...{ PATH: process.env.PATH, TERM: 'xterm-256color', LANG: 'C.UTF-8', SHELL: '/bin/sh' },
        ...{ JWT_SECRET: TEST_JWT_SECRET, DATA_DIR: 'memory:', CHAT_KEY: MASTER.key, CHAT_IV: MASTER.iv },
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.screen.print(text);
    });
    this.exitCode = once(this.#process, 'close').then(([code]) => code);
  }

  press(...keys: readonly string[]): void {
    for (const one of keys) this.#process.stdin?.write(one);
  }

  /** Asks the chat itself to end, not what it runs in. */
  terminate(): void {
    process.kill(Number(/pid=(\d+);/.exec(this.#output)?.[1]), 'SIGTERM');
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exitCode;
  }
}
