import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { describeInBrowser, startBrowser } from '../support/browser.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';

const { jq, go, python3 } = inject('canStart');
/** As examples/README.md lists them, what each needs, and what it sends. */
const EXAMPLES = [
  { command: 'examples/curl/chat.sh', isPossible: jq, content: 'hello from curl' },
  { command: 'examples/buf-curl/chat.sh', isPossible: jq, content: 'hello from buf' },
  { command: 'node examples/node/chat.ts', isPossible: true, content: 'hello from Node' },
  { command: 'examples/go/run', isPossible: go, content: 'hello from Go' },
  { command: 'examples/python/run', isPossible: python3, content: 'hello from Python' },
];
/** The first run of some fetches and compiles packages. */
const TIMEOUT_MS = 170_000;

let dataDir = '';
let service: ServiceProcess;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'chat-examples-'));
  // As `npm start` does it: with secrets of its own in that folder, and demo users.
  service = await startServiceProcess({ DATA_DIR: dataDir, JWT_SECRET: '', CHAT_KEY: '', CHAT_IV: '' });
});

afterAll(async () => {
  await service.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

describe.each(EXAMPLES)('$command', ({ command, isPossible, content }) => {
  test.runIf(isPossible)('sees what it sends', async () => {
    const { code, stdout, stderr } = await run(command);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `room ${roomIn(stdout)}\nsent as number 1 of the room\nuser 2 saw: ${content}\n`,
      stderr: expect.any(String),
    });
  });

  test.runIf(isPossible)('fails when its user can see nothing', async () => {
    const { code, stdout } = await run(command, { CHAT_TOKEN_2: 'a token of nobody' });
    expect(code).toBeGreaterThan(0);
    expect(stdout).not.toContain('saw');
  });
});

describeInBrowser('examples/browser', () => {
  let vite: ViteDevServer;
  let browser: Browser;

  beforeAll(async () => {
    vite = await createServer({
      root: 'examples/browser',
      cacheDir: join(dataDir, 'vite'),
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0 },
    });
    await vite.listen();
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await vite.close();
  });

  test.each(['Connect', 'gRPC-Web'])('sees what it sends, by %s', async (protocol) => {
    const page = await browser.newPage();
    await page.goto(vite.resolvedUrls?.local[0] ?? '');
    await page.getByLabel('Service').fill(service.url);
    for (const user of ['1', '2']) {
      await page.getByLabel(`Token of user ${user}`).fill(await tokenOf(user));
    }
    await page.getByLabel('Protocol').selectOption(protocol);
    await page.getByRole('button', { name: 'Run' }).click();
    const last = page.getByRole('listitem').filter({ hasText: /^(user 2 saw|failed)/ });
    expect(await last.innerText()).toBe('user 2 saw: hello from a browser');
  });
});

async function tokenOf(user: string): Promise<string> {
  const { stdout } = await run(`npm run -s token -- ${user}`);
  return stdout.trim();
}

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command as somebody does who has just started the service; resolves when it has ended, well or not. */
async function run(command: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const [program = '', ...args] = command.split(' ');
  const options = {
    env: { ...process.env, CHAT_URL: service.url, DATA_DIR: dataDir, ...env },
    timeout: TIMEOUT_MS,
  };
  try {
    return { code: 0, ...(await promisify(execFile)(program, args, options)) };
  } catch (error) {
    const { code, stdout, stderr } = Object(error);
    return { code, stdout: String(stdout), stderr: String(stderr) };
  }
}

function roomIn(printed: string): string {
  return /^room ([0-9a-f-]{36})$/m.exec(printed)?.[1] ?? '(none)';
}
