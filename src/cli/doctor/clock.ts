import type { Finding, Group } from './finding.ts';
import { duration, median } from './words.ts';

/** When a question was sent and answered here, and what the other clock said in between. Milliseconds since the epoch. */
export interface TimedAnswer {
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly serverAt: number;
}

/** More than this shows in delivery times and in when tokens end. */
const WARN_MS = 500;
/** What a token may be off (extensions 6). */
const FAIL_MS = 5_000;

/** How far the other clock is from this one, by the quickest answer: more than its way took can't be told. */
export function clockFinding(group: Group, answers: readonly TimedAnswer[]): Finding {
  const [best] = answers.toSorted((a, b) => wayOf(a) - wayOf(b));
  if (best === undefined) throw new Error('nobody answered');
  const offset = best.serverAt - (best.sentAt + best.receivedAt) / 2;
  const certain = Math.max(0, Math.abs(offset) - wayOf(best) / 2);
  const data = { offsetMs: round(offset), uncertaintyMs: round(wayOf(best) / 2) };
  const name = 'clock';
  if (certain <= WARN_MS) {
    const text = `the same time as this machine (within ${duration(Math.abs(offset) + wayOf(best) / 2)})`;
    return { group, name, state: 'ok', text, data };
  }
  return {
    group,
    name,
    state: certain > FAIL_MS ? 'fail' : 'warn',
    text: `${duration(Math.abs(offset))} ${offset > 0 ? 'ahead of' : 'behind'} this machine`,
    todo: 'set both clocks by NTP: delivery times are wrong by that much, and tokens end too early or too late',
    data,
  };
}

/** The median of how long answers took. */
export function latencyOf(answers: readonly TimedAnswer[]): number {
  return median(answers.map(wayOf));
}

function wayOf({ sentAt, receivedAt }: TimedAnswer): number {
  return receivedAt - sentAt;
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
