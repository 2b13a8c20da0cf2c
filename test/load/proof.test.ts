import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../bench/proof/report.ts';

/** On a machine that does other things, too, no time says anything. */
const PATIENT = ['--counts-only'];
const SMALL = ['--users', '10', '--rooms', '4', '--rate', '40', '--ramp', '1s'];

describe('npm run load', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'chat-load-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('proves that a service that it starts delivers everything, and reports it', async () => {
    const out = join(folder, 'plain');
    const { code, stdout } = await load([...SMALL, ...PATIENT, '--for', '3s', '--out', out]);
    expect(stdout).toContain('PASS');
    expect(code).toBe(0);
    const report = readReport(out);
    expect(report.result.sends).toEqual({ sent: 140, stored: 140, failed: 0, repeated: 0, refusals: {} });
    expect(report.result.deliveries).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, misdelivered: 0 });
    // 10 users in 3 of 4 rooms: 7 or 8 members each.
    expect(report.result.deliveries.expected).toBeGreaterThanOrEqual(140 * 7);
    expect(report.result.deliveries.delivered).toBe(report.result.deliveries.expected);
    expect(report.objectives.every(({ met }) => met)).toBe(true);
    expect(report.ticks.map(({ phase }) => phase)).toContain('steady');
    for (const { p50, p99, max, curve } of [report.result.send, report.result.delivery]) {
      expect(p50).toBeLessThanOrEqual(p99);
      expect(p99).toBeLessThanOrEqual(max);
      expect(curve.length).toBeGreaterThan(10);
    }
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('<title>Load proof: PASS</title>');
  });

  it('kills the service in the middle, and everything arrives all the same', async () => {
    const out = join(folder, 'chaos');
    const args = [...SMALL, ...PATIENT, '--for', '6s', '--chaos', 'restart-server', '--json', '--out', out];
    const { code, stdout } = await load(args);
    const report: Report = JSON.parse(stdout);
    expect(report).toEqual(readReport(out));
    expect(report.verdict).toBe('PASS');
    expect(code).toBe(0);
    expect(report.faults).toMatchObject([{ name: 'restart-server' }]);
    expect(report.result.reconnects).toBeGreaterThanOrEqual(10);
    expect(report.result.sends).toMatchObject({ stored: 260, failed: 0 });
    expect(report.result.deliveries).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, vanished: 0 });
  });

  it('fails when an objective is missed, and says which', async () => {
    const impossible = ['--delivery-p99', '1', '--send-p99', '60000', '--late', '60000'];
    const args = [...SMALL, ...impossible, '--for', '1s', '--out', join(folder, 'failed')];
    const { code, stdout } = await load(args);
    expect(stdout).toContain('FAIL: delivery p99');
    expect(code).toBe(1);
  });

  it.each([
    ['another machine', ['--url', 'http://chat.example.com'], 2, 'another machine'],
    ['an unknown option', ['--speed', '1'], 2, 'Usage: npm run load'],
    ['a service that is not there', ['--url', 'http://127.0.0.1:1'], 3, 'could not run'],
  ] as const)('refuses %s', async (_, args, expected, text) => {
    const { code, stderr } = await load([...args, '--out', join(folder, 'refused')]);
    expect(stderr).toContain(text);
    expect(code).toBe(expected);
  });
});

function readReport(out: string): Report {
  return JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
}

async function load(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['bench/proof/main.ts', ...args], {
    env: { PATH: process.env.PATH, JWT_SECRET: 'a secret of this test only, 32 bytes or more' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}
