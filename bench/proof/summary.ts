import { styleText } from 'node:util';
import type { Distribution } from './latencies.ts';
import type { Objective, Verdict } from './objectives.ts';
import type { Report } from './report.ts';

const COLOURS = { PASS: 'green', FAIL: 'red', INVALID: 'yellow' } as const;

/** What the end of a run says: counts, latencies, objectives and the verdict. */
export function renderSummary(report: Report, isTty: boolean): string {
  const { result, objectives, search, verdict } = report;
  const { sends, deliveries } = result;
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    isTty ? styleText(style, text, { validateStream: false }) : text;
  const counts: readonly (readonly [string, number])[] = [
    ['sent', sends.sent],
    ['stored', sends.stored],
    ['failed', sends.failed],
    ['sent again', sends.repeated],
    ['deliveries owed', deliveries.expected],
    ['delivered', deliveries.delivered],
    ['lost', deliveries.lost],
    ['duplicated', deliveries.duplicated],
    ['reordered', deliveries.reordered],
    ['misdelivered', deliveries.misdelivered],
    ['late', result.late],
    ['resyncs', result.resyncs],
    ['reconnects', result.reconnects],
  ];
  const lines = [
    '',
    ...counts.map(([name, value]) => `  ${name.padEnd(18)}${value.toLocaleString('en').padStart(12)}`),
    '',
    `  ${'ms'.padEnd(18)}${['p50', 'p90', 'p99', 'p99.9', 'max'].map((name) => name.padStart(10)).join('')}`,
    latencyLine('send', result.send),
    latencyLine('send to delivery', result.delivery),
    ...(result.faults.length === 0
      ? []
      : [
          latencyLine('send *', result.sendWithFaults),
          latencyLine('to delivery *', result.deliveryWithFaults),
          '  * with the time around faults',
        ]),
    ...Object.entries(sends.refusals).map(([reason, count]) => `  refused ${count} times: ${reason}`),
    '',
    ...objectives.map((objective) => objectiveLine(objective, paint)),
    `  load generator: ${result.cpuPercent.toFixed(0)} % of a core, event loop p99 ${result.lagP99Ms.toFixed(1)} ms, max ${result.lagMaxMs.toFixed(0)} ms`,
    ...(search === undefined ? [] : ['', ...searchLines(search)]),
    '',
    `  ${paint(['bold', COLOURS[verdict]], verdict)}${reason(verdict, objectives)}`,
  ];
  return lines.join('\n');
}

function latencyLine(name: string, { p50, p90, p99, p999, max }: Distribution): string {
  const cells = [p50, p90, p99, p999, max].map((value) => value.toFixed(1).padStart(10));
  return `  ${name.padEnd(18)}${cells.join('')}`;
}

function objectiveLine(
  { name, value, atMost, unit, met }: Objective,
  paint: (style: 'green' | 'red', text: string) => string,
): string {
  const shown = unit === '' ? String(value) : `${value.toFixed(unit === 'ms' ? 1 : 3)} ${unit}`;
  const mark = met ? paint('green', '✓') : paint('red', '✗');
  return `  ${mark} ${name.padEnd(32)}${shown.padStart(12)}   at most ${atMost}${unit === '' ? '' : ` ${unit}`}`;
}

function searchLines({ rounds, highest }: NonNullable<Report['search']>): string[] {
  return [
    `  ${'messages/s'.padStart(12)}${'send p99'.padStart(12)}${'delivery p99'.padStart(14)}`,
    ...rounds.map(({ rate, sendP99, deliveryP99, verdict, missed }) =>
      `  ${String(rate).padStart(12)}${sendP99.toFixed(1).padStart(12)}${deliveryP99.toFixed(1).padStart(14)}   ${verdict} ${missed.join(', ')}`.trimEnd(),
    ),
    highest === undefined
      ? '  no rate meets the objectives'
      : `  highest rate that meets them: ${highest} messages/s`,
  ];
}

function reason(verdict: Verdict, objectives: readonly Objective[]): string {
  const missed = objectives.filter(({ met }) => !met).map(({ name }) => name);
  if (verdict === 'FAIL') return `: ${missed.join(', ')}`;
  return verdict === 'INVALID'
    ? ': the load generator was too slow, so the times say nothing about the service'
    : '';
}
