import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startTestApp, type TestApp, tokenOf } from '../support/app.ts';

const SCRIPT = 'bench/load-test.js';

describe('the k6 script', () => {
  it('is JavaScript', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--check', SCRIPT], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('has a hundred virtual users for 30 s, unless told otherwise', () => {
    const script = readFileSync(SCRIPT, 'utf8');
    expect(script).toContain('vus: Number(__ENV.VUS || 100)');
    expect(script).toContain("duration: __ENV.DURATION || '30s'");
  });
});

describe.runIf(inject('canStart').k6)('the k6 script in k6', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(async () => await app?.stop());

  it('runs against the service without a failed check', async () => {
    const env = {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, K6_NO_USAGE_REPORT: 'true' },
      ...{ BASE_URL: app.url, TOKEN: await tokenOf(1), VUS: '5', DURATION: '3s' },
    };
    // Its times say nothing on a machine that does other things, too.
    const child = spawn('k6', ['run', '--quiet', '--no-thresholds', SCRIPT], { env });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (output += String(chunk)));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(output).toMatch(/checks_succeeded\.*: 100\.00%/);
    expect(code).toBe(0);
  });
});
