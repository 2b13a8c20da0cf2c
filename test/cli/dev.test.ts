import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadOrMakeSecrets } from '../../src/cli/secrets.ts';
import { CommandProcess, commandRunner } from '../support/commands.ts';
import { freePort } from '../support/ports.ts';

const { err, run } = commandRunner();
let folder: string;
let dataDir: string;
const started: CommandProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chat-dev-'));
  dataDir = join(folder, 'data');
});
afterEach(async () => {
  for (const command of started.splice(0)) await command.end();
  rmSync(folder, { recursive: true });
});

describe('dev', () => {
  it('starts with nothing configured, and opens the chat in a browser', async () => {
    const browser = join(folder, 'browser');
    writeFileSync(browser, `#!/bin/sh\necho "$1" > ${folder}/opened\n`);
    chmodSync(browser, 0o700);
    const port = await freePort();
    const dev = open(['--memory', '--open', '--port', String(port)], { BROWSER: browser });
    await dev.says(
      new RegExp(`connect-chat is listening on http://127.0.0.1:${port}[\\s\\S]*in memory, nothing is kept`),
    );
    await expect
      .poll(() => existsSync(join(folder, 'opened')) && readFileSync(join(folder, 'opened'), 'utf8'), {
        timeout: 90_000,
      })
      .toBe(`http://127.0.0.1:${port}/\n`);
    dev.child.kill('SIGTERM');
    expect(await dev.exitCode).toBe(0);
  });

  it('says where to go when there is no browser', async () => {
    const port = await freePort();
    const dev = open(['--memory', '--open', '--port', String(port)], { BROWSER: join(folder, 'none') });
    await dev.says(new RegExp(`there is no browser to open: http://127.0.0.1:${port}/`));
  });

  it('starts again when a source file changes', async () => {
    const dev = open(['--memory', '--watch', '--port', '0']);
    await dev.says(/is listening on/);
    const touched = fileURLToPath(new URL('../../src/cli/banner.ts', import.meta.url));
    // Once is not enough when the watcher has not come to that file yet, and too often would never let it start.
    await expect
      .poll(
        () => {
          if (!dev.out.includes('Restarting')) utimesSync(touched, new Date(), new Date());
          return dev.out;
        },
        { interval: 1_000, timeout: 90_000 },
      )
      .toContain('Restarting');
    await dev.says(/is listening on[\s\S]*is listening on/);
    dev.child.kill('SIGTERM');
    expect(await dev.exitCode).toBe(0);
  });

  it('is not for production', async () => {
    expect(await run(['dev'], { MODE: 'PROD' })).toBe(1);
    expect(err).toEqual([expect.stringContaining('MODE=PROD: that is what serve is for')]);
  });
});

describe('dev --reset', () => {
  it('begins anew', async () => {
    const { jwtSecret } = loadOrMakeSecrets(dataDir);
    mkdirSync(join(dataDir, 'pglite'));
    const dev = open(['--reset', '--yes', '--port', '0'], { DATA_DIR: dataDir });
    await dev.says(/is listening on/);
    expect(loadOrMakeSecrets(dataDir).jwtSecret).not.toBe(jwtSecret);
    // A service that runs keeps its data.
    expect(await run(['dev', '--reset', '--yes'], { DATA_DIR: dataDir })).toBe(1);
    expect(err.join()).toContain(`is in use by process ${dev.child.pid}`);
  });

  it.each([
    ['without a word of consent', () => loadOrMakeSecrets(dataDir), ['--reset'], 2, 'needs --yes'],
    ['where no service was', () => mkdirSync(dataDir), ['--reset', '--yes'], 1, 'has no secrets.json'],
    [
      'where something else is',
      () => loadOrMakeSecrets(dataDir),
      ['--reset', '--yes'],
      1,
      'photos in it is not ours',
    ],
  ])('removes nothing %s', async (_where, prepare, argv, code, words) => {
    prepare();
    const file = join(dataDir, words.startsWith('photos') ? 'photos' : 'pglite');
    writeFileSync(file, '');
    expect(await run(['dev', ...argv], { DATA_DIR: dataDir })).toBe(code);
    expect(err.join()).toContain(words);
    expect(existsSync(file)).toBe(true);
  });
});

function open(argv: readonly string[], env: Readonly<Record<string, string>> = {}): CommandProcess {
  const dev = new CommandProcess(['dev', ...argv], { DEMO_DATA: 'false', ...env });
  started.push(dev);
  return dev;
}
