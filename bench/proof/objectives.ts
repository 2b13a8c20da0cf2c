import type { GeneratorResult } from './generator-protocol.ts';

/** What a run is held to, beside that nothing may be wrong. */
export interface Limits {
  readonly sendP99Ms: number;
  readonly deliveryP99Ms: number;
  /** A delivery that takes longer is late. */
  readonly lateMs: number;
  /** Times are shown and not judged. */
  readonly countsOnly: boolean;
}

/** One demand and how it was met. */
export interface Objective {
  readonly name: string;
  readonly value: number;
  readonly atMost: number;
  readonly unit: '' | 'ms' | '%';
  readonly met: boolean;
}

/** `INVALID`: the load generator itself was too slow to say anything about the service. */
export type Verdict = 'PASS' | 'FAIL' | 'INVALID';

const LATE_PERCENT = 0.1;
/** A generator whose event loop waits longer, and longer than half of what a time objective allows, measures itself. */
const MAX_LAG_P99_MS = 50;

/** Holds a run against its objectives; those of time count outside the windows of faults. */
export function judge(result: GeneratorResult, limits: Limits, hasFaults: boolean): Objective[] {
  const { sends, deliveries, delivery, send } = result;
  const latePercent = (100 * result.late) / Math.max(1, delivery.count);
  const demands: readonly (readonly [string, number, number, Objective['unit']])[] = [
    ['lost', deliveries.lost, 0, ''],
    ['duplicated', deliveries.duplicated, 0, ''],
    ['reordered', deliveries.reordered, 0, ''],
    ['misdelivered', deliveries.misdelivered, 0, ''],
    ['acknowledged and not on record', deliveries.vanished, 0, ''],
    ['sends that failed', sends.failed, 0, ''],
    // A fault makes tries fail: then it counts that repeating them helps.
    ...(hasFaults ? [] : ([['sends that needed another try', sends.repeated, 0, '']] as const)),
    ...(limits.countsOnly
      ? []
      : ([
          ['send p99', send.p99, limits.sendP99Ms, 'ms'],
          ['delivery p99', delivery.p99, limits.deliveryP99Ms, 'ms'],
          ['late', latePercent, LATE_PERCENT, '%'],
        ] as const)),
  ];
  return demands.map(([name, value, atMost, unit]) => ({ name, value, atMost, unit, met: value <= atMost }));
}

/** What follows from the objectives; a lost message is lost however slow the generator was. */
export function verdictOf(
  result: GeneratorResult,
  objectives: readonly Objective[],
  { sendP99Ms, deliveryP99Ms, countsOnly }: Limits,
): Verdict {
  const missed = objectives.filter(({ met }) => !met);
  if (missed.some(({ unit }) => unit === '')) return 'FAIL';
  const maxLagMs = Math.max(MAX_LAG_P99_MS, Math.min(sendP99Ms, deliveryP99Ms) / 2);
  if (!countsOnly && result.lagP99Ms > maxLagMs) return 'INVALID';
  // Nothing was proven.
  if (result.deliveries.expected === 0) return 'INVALID';
  return missed.length === 0 ? 'PASS' : 'FAIL';
}
