import { randomUUID } from 'node:crypto';
import { faultTimes, makeChaos } from './chaos.ts';
import type { FaultWindow } from './fault-windows.ts';
import { runGenerator } from './generator-handle.ts';
import type { GeneratorResult, Tick } from './generator-protocol.ts';
import { judge, type Objective, type Verdict, verdictOf } from './objectives.ts';
import type { ProofOptions } from './options.ts';
import { type Population, planMembership, populate } from './population.ts';
import { MAX_TRIALS, nextRate } from './search.ts';
import type { Target } from './target.ts';
import type { View } from './view.ts';

/** One rate, tried. */
export interface Round {
  readonly rate: number;
  readonly verdict: Verdict;
  readonly objectives: readonly Objective[];
  readonly result: GeneratorResult;
  readonly ticks: readonly Tick[];
  /** Epoch milliseconds of the begin of the ramp. */
  readonly startedAt: number;
}

/** Between two rounds the service may finish what it was at. */
const PREPARING = 'making users and rooms';

/** Makes users and rooms, then runs one round, or with `findMax` as many as the search needs. */
export async function prove(
  options: ProofOptions,
  target: Target,
  view: View,
  signal: AbortSignal,
): Promise<Round[]> {
  const { users, rooms, findMax, rate } = options;
  view.note(PREPARING);
  const membership = planMembership(users, rooms);
  const rounds: Round[] = [];
  for (let next: number | undefined = rate; next !== undefined; ) {
    const population = await populate(target.origin, target.sign, { users, membership });
    if (findMax) view.note(`round ${rounds.length + 1} of at most ${MAX_TRIALS}: ${next} messages/s`);
    const round = await runRound({ ...options, rate: next }, { target, population, view, signal });
    rounds.push(round);
    if (findMax) view.note(`${next}/s: ${round.verdict}${missedText(round.objectives)}`);
    next = findMax
      ? nextRate(
          rate,
          rounds.map(({ rate, verdict }) => ({ rate, passed: verdict === 'PASS' })),
        )
      : undefined;
  }
  return rounds;
}

/** `: lost, late`, or nothing. */
export function missedText(objectives: readonly Objective[]): string {
  const missed = objectives.filter(({ met }) => !met).map(({ name }) => name);
  return missed.length === 0 ? '' : `: ${missed.join(', ')}`;
}

async function runRound(
  options: ProofOptions,
  deps: {
    readonly target: Target;
    readonly population: Population;
    readonly view: View;
    readonly signal: AbortSignal;
  },
): Promise<Round> {
  const { rate, rampSeconds, seconds, seed, limits, chaos } = options;
  const { target, population, view, signal } = deps;
  const ticks: Tick[] = [];
  let startedAt = 0;
  let making: Promise<void> = Promise.resolve();
  const failed = new AbortController();
  const job = {
    ...{ kind: 'job' as const, origin: target.origin, population, label: randomUUID().slice(0, 13) },
    ...{ rate, rampSeconds, seconds, seed, lateMs: limits.lateMs },
  };
  view.begin({ rate, totalSeconds: rampSeconds + seconds });
  const result = await runGenerator(
    job,
    {
      open(at, tell) {
        startedAt = at;
        if (chaos === undefined) return;
        const times = faultTimes(rampSeconds, seconds);
        making = makeChaos(chaos, target, { times, startedAt, tell, note: view.note, signal });
        // Without what was killed there is nothing left to wait for.
        making.catch(() => failed.abort());
      },
      tick(tick) {
        ticks.push(tick);
        view.tick(tick);
      },
    },
    AbortSignal.any([signal, failed.signal]),
  ).catch(async (error: unknown) => {
    await making;
    throw error;
  });
  await making;
  const objectives = judge(result, limits, chaos !== undefined);
  return { rate, verdict: verdictOf(result, objectives, limits), objectives, result, ticks, startedAt };
}

/** A fault as seconds after the begin of the ramp; `to` is the end of its window. */
export function faultSeconds(
  fault: FaultWindow,
  startedAt: number,
): { name: string; from: number; to: number } {
  const from = (fault.from - startedAt) / 1_000;
  return { name: fault.name, from, to: fault.to === undefined ? from : (fault.to - startedAt) / 1_000 };
}
