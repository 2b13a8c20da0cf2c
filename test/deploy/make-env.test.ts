import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

test('only its owner reads the file, and a second run changes nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-env-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, '.env');
  const run = () => spawnSync('deploy/make-env', [file], { encoding: 'utf8' });
  expect(run().status).toBe(0);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const made = readFileSync(file, 'utf8');

  const again = run();
  expect(again.status).toBe(1);
  expect(again.stderr).toContain('is there already');
  expect(readFileSync(file, 'utf8')).toBe(made);
});
