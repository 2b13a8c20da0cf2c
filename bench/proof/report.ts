import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Tick } from './generator-protocol.ts';
import type { Objective, Verdict } from './objectives.ts';
import type { ProofOptions } from './options.ts';
import { renderPage } from './page.ts';
import { faultSeconds, type Round } from './proof.ts';
import { highestPassed } from './search.ts';

/** What `report.json` holds; times are milliseconds unless their name says seconds. */
export interface Report {
  readonly version: 1;
  /** ISO 8601. */
  readonly at: string;
  readonly verdict: Verdict;
  readonly machine: {
    readonly node: string;
    readonly cpus: number;
    readonly cpu: string;
    readonly memoryBytes: number;
  };
  readonly target: string;
  readonly options: Omit<ProofOptions, 'origin' | 'out' | 'json'>;
  readonly objectives: readonly Objective[];
  readonly result: Round['result'];
  /** Seconds after the begin of the ramp. */
  readonly faults: readonly { readonly name: string; readonly from: number; readonly to: number }[];
  readonly ticks: readonly Tick[];
  /** What a search has tried, and found; undefined without `--find-max`. */
  readonly search: Search | undefined;
}

/** A search for the highest rate. */
export interface Search {
  /** Undefined when no rate passed. */
  readonly highest: number | undefined;
  readonly rounds: readonly {
    readonly rate: number;
    readonly verdict: Verdict;
    readonly sendP99: number;
    readonly deliveryP99: number;
    readonly missed: readonly string[];
  }[];
}

/**
 * The report of a run. Of a search it shows the round with the highest rate that passed, or the last one, and its verdict is FAIL only when
 * none passed.
 */
export function reportOf(options: ProofOptions, target: string, rounds: readonly Round[]): Report {
  const { origin: _, out: __, json: ___, ...kept } = options;
  const highest = options.findMax ? highestPassed(trialsOf(rounds)) : undefined;
  const shown = rounds.find(({ rate }) => rate === highest) ?? rounds.at(-1);
  if (shown === undefined) throw new Error('nothing was run');
  return {
    version: 1,
    at: new Date().toISOString(),
    verdict: shown.verdict,
    machine: {
      node: process.version,
      cpus: cpus().length,
      cpu: cpus()[0]?.model ?? '',
      memoryBytes: totalmem(),
    },
    target,
    options: { ...kept, rate: shown.rate },
    objectives: shown.objectives,
    result: shown.result,
    faults: shown.result.faults.map((fault) => faultSeconds(fault, shown.startedAt)),
    ticks: shown.ticks,
    search: options.findMax ? { highest, rounds: rounds.map(searchRound) } : undefined,
  };
}

/** Writes `report.html` and `report.json` to the folder, which it makes; answers their paths. */
export function writeReport(
  folder: string,
  report: Report,
): { readonly html: string; readonly json: string } {
  mkdirSync(folder, { recursive: true });
  const html = join(folder, 'report.html');
  const json = join(folder, 'report.json');
  writeFileSync(html, renderPage(report));
  writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
  return { html, json };
}

function trialsOf(rounds: readonly Round[]): { readonly rate: number; readonly passed: boolean }[] {
  return rounds.map(({ rate, verdict }) => ({ rate, passed: verdict === 'PASS' }));
}

function searchRound({ rate, verdict, result, objectives }: Round): Search['rounds'][number] {
  return {
    rate,
    verdict,
    sendP99: result.send.p99,
    deliveryP99: result.delivery.p99,
    missed: objectives.filter(({ met }) => !met).map(({ name }) => name),
  };
}
