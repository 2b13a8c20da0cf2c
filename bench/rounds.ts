import { closedLoop, type LoadResult } from './load.ts';
import { median } from './report.ts';

/** One of several that are measured against each other in the same run. */
export interface Contender {
  call(caller: number): Promise<void>;
  /** Between measurements, not counted. */
  settle?(): Promise<void>;
}

/** How long, and how often. */
export type Rounds = {
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  /** So many calls in place of a time, which is the longest they may take; then nothing comes before them. */
  readonly calls?: number;
  /** Before each; compiled code needs little. */
  readonly warmUpMs: number;
  readonly callers: number;
  /** What counts: calls per second unless it says otherwise, or the milliseconds that half of the calls took at most. */
  readonly by?: 'perSecond' | 'p50';
};

/** What counts of each: the median of rounds in which all take turns, so that what else the machine does meets all alike. */
export async function race<K extends string>(
  contenders: Readonly<Record<K, Contender>>,
  rounds: Rounds,
): Promise<Record<K, number>> {
  const names = Object.keys(contenders) as K[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let round = 0; round < rounds.rounds; round += 1) {
    // Nobody always comes after the same one.
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const result = await measure(name, contenders[name], rounds);
      measured[name].push(result[rounds.by ?? 'perSecond']);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(measured[name])])) as Record<K, number>;
}

async function measure(name: string, contender: Contender, rounds: Rounds): Promise<LoadResult> {
  const result = await closedLoop(rounds, (caller) => contender.call(caller));
  await contender.settle?.();
  if (result.failures > 0) throw new Error(`${name}: ${result.failures} calls failed`);
  return result;
}
