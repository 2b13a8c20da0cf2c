import { setTimeout as sleep } from 'node:timers/promises';
import type { GeneratorCommand } from './generator-protocol.ts';
import type { Chaos } from './options.ts';
import type { Killable, Target } from './target.ts';

/** How long what was killed stays away. */
const AWAY_MS = 1_000;
/** After it is back, clients come back and get what they missed: slow for a reason. */
const RECOVERY_MS = 5_000;
/** One fault in so many seconds, and never more than that many. */
const SECONDS_A_FAULT = 10;
const MAX_FAULTS = 5;

/** Milliseconds after the start of the ramp at which faults begin, evenly over the steady phase. */
export function faultTimes(rampSeconds: number, seconds: number): number[] {
  const count = Math.max(1, Math.min(MAX_FAULTS, Math.floor(seconds / SECONDS_A_FAULT)));
  return Array.from({ length: count }, (_, n) => (rampSeconds + ((n + 1) * seconds) / (count + 1)) * 1_000);
}

/** Kills and restarts at those times, and tells of it; rejects when something does not come back, or the signal aborts. */
export async function makeChaos(
  chaos: Chaos,
  target: Target,
  options: {
    readonly times: readonly number[];
    /** Epoch milliseconds. */
    readonly startedAt: number;
    readonly tell: (command: GeneratorCommand) => void;
    readonly note: (text: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { times, startedAt, tell, note, signal } = options;
  const victim = victimOf(chaos, target);
  for (const time of times) {
    // The one before took so long that this one is past.
    if (Date.now() > startedAt + time) continue;
    await sleep(startedAt + time - Date.now(), undefined, { signal });
    const killedAt = Date.now();
    tell({ kind: 'fault', name: chaos, from: killedAt });
    note(`${chaos}: killed`);
    await victim.kill();
    await sleep(AWAY_MS, undefined, { signal });
    await victim.restart();
    note(`${chaos}: back after ${Date.now() - killedAt} ms`);
    tell({ kind: 'fault-over', to: Date.now() + RECOVERY_MS });
  }
}

function victimOf(chaos: Chaos, target: Target): Killable {
  const victim = chaos === 'kill-nats' ? target.nats : target.server;
  if (victim === undefined) throw new Error('only what was started here can be killed');
  return victim;
}
