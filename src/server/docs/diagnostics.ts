import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { answerJson, type HttpHandler, readOnly } from '../exchange.ts';

/** What the diagnostics can't see themselves. */
export interface DiagnosticsSource {
  readonly version: string;
  /** Open event streams on this instance. */
  readonly streams: () => Promise<number>;
}

/** How long the event loop is watched for one answer. */
const WATCH_MS = 100;
const RESOLUTION_MS = 5;

/**
 * How the process is doing, as JSON: versions, times, memory, the event loop's delay, what it holds open. Nothing of settings, users or
 * messages. Those who ask at the same time get the same answer.
 */
export function diagnosticsHandler(source: DiagnosticsSource): HttpHandler {
  let running: Promise<object> | undefined;
  return readOnly((request, response) => {
    running ??= examine(source).finally(() => {
      running = undefined;
    });
    void running.then((found) => answerJson(request, response, 200, found));
  });
}

async function examine({ version, streams }: DiagnosticsSource): Promise<object> {
  return {
    service: { name: 'connect-chat', version },
    runtime: {
      node: process.version,
      v8: process.versions.v8,
      platform: process.platform,
      arch: process.arch,
    },
    uptimeSeconds: Math.round(process.uptime()),
    memoryBytes: process.memoryUsage(),
    cpuMicroseconds: process.cpuUsage(),
    eventLoop: await watchEventLoop(),
    activeHandles: countByName(process.getActiveResourcesInfo()),
    openStreams: await streams(),
  };
}

/** Delays in milliseconds, and the share of the time in which it was busy. */
async function watchEventLoop(): Promise<object> {
  const before = performance.eventLoopUtilization();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  await setTimeout(WATCH_MS, undefined, { ref: false });
  delay.disable();
  const milliseconds = (nanoseconds: number): number => Math.round(nanoseconds / 1e4) / 100;
  return {
    watchedMs: WATCH_MS,
    delayMs: {
      mean: milliseconds(delay.mean),
      p99: milliseconds(delay.percentile(99)),
      max: milliseconds(delay.max),
    },
    utilization: performance.eventLoopUtilization(before).utilization,
  };
}

function countByName(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
