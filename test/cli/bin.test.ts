import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFailed } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, packageJson.bin['connect-chat']);
const older = olderNode();

describe.each([
  ['this Node', process.execPath],
  ['an older Node', older],
])('connect-chat under %s', (_what, node) => {
  it.skipIf(node === undefined)('runs commands, and ends as they do', () => {
    expect(start(node ?? '', ['--version'])).toMatchObject({ status: 0, stdout: `${packageJson.version}\n` });
    const wrong = start(node ?? '', ['token', '--admn', '1']);
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toContain('did you mean --admin?');
  });

  it.skipIf(node === undefined)('hands signals on', async () => {
    const service = spawn(node ?? '', [bin, 'dev', '--memory', '--port', '0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH, DEMO_DATA: 'false' },
    });
    onTestFailed(() => void service.kill('SIGTERM'));
    let log = '';
    service.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const exited = once(service, 'exit');
    await expect.poll(() => log, { timeout: 90_000 }).toContain('"listening"');
    service.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});

it.skipIf(older === undefined)('npx finds it in a checkout, whatever Node comes first', () => {
  const PATH = [dirname(older ?? ''), '/usr/bin', '/bin'].join(delimiter);
  const options = { cwd: root, env: { ...process.env, PATH }, encoding: 'utf8', stdio: 'pipe' } as const;
  expect(execFileSync('npx', ['connect-chat', '--version'], options)).toBe(`${packageJson.version}\n`);
});

function start(node: string, argv: readonly string[]) {
  return spawnSync(node, [bin, ...argv], { encoding: 'utf8', env: { PATH: process.env.PATH } });
}

/** A Node that can't run TypeScript, with npx beside it, where there is one. */
function olderNode(): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .filter((file) => existsSync(file) && existsSync(join(dirname(file), 'npx')))
    .find(
      (file) =>
        Number.parseInt(execFileSync(file, ['-p', 'process.versions.node'], { encoding: 'utf8' }), 10) < 24,
    );
}
