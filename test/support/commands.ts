import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { MASTER } from '../crypto/vectors.ts';
import { TEST_JWT_SECRET } from './app.ts';

/** The entry point of every command. */
export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Settings of a test app whose rooms commands can read; for the app itself and for the commands. */
export const COMMAND_KEYS = { CHAT_KEY: MASTER.key, CHAT_IV: MASTER.iv } as const;

/** The environment of a command that talks to the service at `url`. */
export function commandEnv(url: string): Record<string, string> {
  const { host } = new URL(url);
  return { JWT_SECRET: TEST_JWT_SECRET, DATA_DIR: 'memory:', SERVER_ADDRESS: host, ...COMMAND_KEYS };
}

/** Runs commands in this process, and keeps what each test of the file prints. */
export function commandRunner(): {
  readonly out: string[];
  readonly err: string[];
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<number>;
  /** What the last command printed, parsed. */
  json(): unknown;
} {
  const out: string[] = [];
  const err: string[] = [];
  beforeEach(() => {
    out.length = 0;
    err.length = 0;
    vi.spyOn(console, 'log').mockImplementation((text) => void out.push(String(text)));
    vi.spyOn(console, 'error').mockImplementation((text) => void err.push(String(text)));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return {
    out,
    err,
    async run(argv, env = {}) {
      out.length = 0;
      err.length = 0;
      return await run(argv, env);
    },
    json: () => JSON.parse(out.join('\n')),
  };
}

/** A command in a process of its own. */
export class CommandProcess {
  readonly child: ChildProcess;
  /** Of its end. */
  readonly exitCode: Promise<number | null>;
  #out = '';
  #err = '';

  constructor(argv: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [MAIN, ...argv], {
      env: { PATH: process.env.PATH, ...env },
      stdio: 'pipe',
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    this.exitCode = once(this.child, 'close').then(([code]) => code);
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  async says(pattern: RegExp): Promise<void> {
    // A service that it starts takes its time on a busy machine.
    await expect.poll(() => this.#out + this.#err, { timeout: 90_000 }).toMatch(pattern);
  }

  /** Asks it to end: so that what it has started ends too. */
  async end(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.exitCode;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exitCode;
  }
}
