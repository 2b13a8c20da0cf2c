import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from './report.ts';

/** Code that has run for so long is compiled, in the server and in the load process. */
const WARM_UP_MS = 1500;

/** What a closed loop of callers reached. */
export type LoadResult = {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly failures: number;
};

/**
 * Runs `callers` loops for `seconds`, each calling again as soon as it was answered.
 * The time before it, `warmUpMs` or {@link WARM_UP_MS}, is not counted.
 * With `calls`, makes that many calls instead, counts them all, and gives up after `seconds`.
 */
export async function closedLoop(
  options: {
    readonly callers: number;
    readonly seconds: number;
    readonly calls?: number;
    readonly warmUpMs?: number;
  },
  call: (caller: number) => Promise<void>,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let failures = 0;
  let left = options.calls ?? Number.POSITIVE_INFINITY;
  let counting = options.calls !== undefined;
  let running = true;

  async function loop(caller: number): Promise<void> {
    while (running && left > 0) {
      left -= 1;
      const start = performance.now();
      try {
        await call(caller);
        if (counting) latencies.push(performance.now() - start);
      } catch {
        failures += 1;
        // A server that refuses everything must not be hammered.
        await sleep(10);
      }
    }
  }

  const loops = Array.from({ length: options.callers }, (_, caller) => loop(caller));
  const finished = Promise.all(loops);
  if (options.calls === undefined) await sleep(options.warmUpMs ?? WARM_UP_MS);
  counting = true;
  const from = performance.now();
  await Promise.race([finished, sleep(options.seconds * 1000, undefined, { ref: false })]);
  counting = false;
  const seconds = (performance.now() - from) / 1000;
  running = false;
  await finished;
  return {
    perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    failures,
  };
}
