import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Latencies } from '../../bench/proof/latencies.ts';
import { judge, verdictOf } from '../../bench/proof/objectives.ts';
import { parseOptions } from '../../bench/proof/options.ts';
import type { Round } from '../../bench/proof/proof.ts';
import { type Report, reportOf, writeReport } from '../../bench/proof/report.ts';
import { renderSummary } from '../../bench/proof/summary.ts';
import { describeInBrowser, startBrowser } from '../support/browser.ts';

const HOSTILE = '</script><script>document.title = "taken over"</script><img src=x onerror=alert(1)>';
const LIMITS = { sendP99Ms: 100, deliveryP99Ms: 150, lateMs: 1_000, countsOnly: false };

describe('the verdict', () => {
  it('passes what meets every objective', () => {
    expect(roundOf({}).verdict).toBe('PASS');
  });

  it.each(['lost', 'duplicated', 'reordered', 'misdelivered', 'vanished'] as const)(
    'fails with one %s',
    (name) => {
      const { verdict, objectives } = roundOf({ deliveries: { [name]: 1 } });
      expect(verdict).toBe('FAIL');
      expect(objectives.filter(({ met }) => !met)).toHaveLength(1);
    },
  );

  it('fails what is slow, but says nothing when the generator was the slow one', () => {
    expect(roundOf({ slowest: 500 }).verdict).toBe('FAIL');
    expect(roundOf({ slowest: 500, lagP99Ms: 90 }).verdict).toBe('INVALID');
    expect(roundOf({ lagP99Ms: 90 }).verdict).toBe('INVALID');
    // Lost is lost.
    expect(roundOf({ deliveries: { lost: 1 }, lagP99Ms: 90 }).verdict).toBe('FAIL');
  });

  it('says nothing when nothing was sent', () => {
    expect(roundOf({ deliveries: { expected: 0 } }).verdict).toBe('INVALID');
  });
});

describe('the report of a search', () => {
  it('shows the highest rate that passed, and every round', () => {
    const options = parsed(['--find-max']);
    const rounds = [roundOf({}, 100), roundOf({ slowest: 900 }, 160), roundOf({}, 130)];
    const report = reportOf(options, 'a service', rounds);
    expect(report).toMatchObject({ verdict: 'PASS', options: { rate: 130 }, search: { highest: 130 } });
    expect(report.search?.rounds.map(({ rate, missed }) => [rate, missed.length > 0])).toEqual([
      [100, false],
      [160, true],
      [130, false],
    ]);
    expect(renderSummary(report, false)).toContain('highest rate that meets them: 130 messages/s');
  });
});

describeInBrowser('the page of the report', () => {
  let folder: string;
  let browser: Awaited<ReturnType<typeof startBrowser>>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'chat-report-'));
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(['light', 'dark'] as const)(
    'opens from a file in %s, asks for nothing, and runs no text',
    async (colorScheme) => {
      const round = roundOf({ refusals: { [HOSTILE]: 1 } });
      const { html } = writeReport(folder, reportOf(parsed([]), HOSTILE, [round]));
      expect(readFileSync(html, 'utf8')).not.toMatch(/(?:src|href)=["']?https?:|@import|url\(["']?https?:/);
      const page = await browser.newPage({ colorScheme });
      const trouble: string[] = [];
      page.on('console', (message) => trouble.push(message.text()));
      page.on('pageerror', (error) => trouble.push(error.message));
      page.on('dialog', (dialog) => trouble.push(dialog.message()));
      page.on('request', (request) => {
        if (!/^(file|data):/.test(request.url())) trouble.push(request.url());
      });
      await page.goto(pathToFileURL(html).href);
      expect(await page.locator('.badge').textContent()).toBe('PASS');
      expect(await page.locator('canvas').count()).toBe(4);
      expect(await page.locator('.lead').textContent()).toContain(HOSTILE);
      expect(await page.title()).toBe('Load proof: PASS');
      expect(trouble).toEqual([]);
      await page.close();
    },
  );
});

function parsed(argv: readonly string[]) {
  const options = parseOptions(argv);
  if (options === 'help') throw new Error('these are no options');
  return options;
}

/** A round in which everything is well but for what is named. */
function roundOf(
  wrong: {
    readonly deliveries?: Partial<Report['result']['deliveries']>;
    readonly slowest?: number;
    readonly lagP99Ms?: number;
    readonly refusals?: Readonly<Record<string, number>>;
  },
  rate = 500,
): Round {
  const latencies = new Latencies();
  for (let value = 1; value <= 100; value += 1)
    latencies.record(value > 90 ? (wrong.slowest ?? 9) : value / 10);
  const distribution = latencies.distribution();
  const result: Round['result'] = {
    sends: { sent: 100, stored: 100, failed: 0, repeated: 0, refusals: wrong.refusals ?? {} },
    deliveries: {
      ...{ expected: 200, delivered: 200, lost: 0, duplicated: 0, reordered: 0, misdelivered: 0 },
      ...{ fromHistory: 0, vanished: 0, worst: [], ...wrong.deliveries },
    },
    ...{ late: 0, resyncs: 0, reconnects: 0, send: distribution, delivery: distribution },
    ...{ sendWithFaults: distribution, deliveryWithFaults: distribution, faults: [] },
    ...{ lagP99Ms: wrong.lagP99Ms ?? 2, lagMaxMs: 90, cpuPercent: 20 },
  };
  const objectives = judge(result, LIMITS, false);
  const tail = { p50: 1, p99: 5 };
  const ticks = [1, 2, 3].map((at) => ({
    ...{ at, phase: 'steady' as const, sent: rate, stored: rate, delivered: rate * 12, inFlight: 3 },
    ...{ send: tail, delivery: tail },
  }));
  return { rate, verdict: verdictOf(result, objectives, LIMITS), objectives, result, ticks, startedAt: 0 };
}
