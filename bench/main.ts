/** Measures the service beside what its parts can do at best. Flags: `--only <name>` (repeatable), `--quick`. */
import { parseArgs } from 'node:util';
import { startEnvironment } from './environment.ts';
import { type Figure, printTable, writeJson } from './report.ts';
import { cache } from './scenarios/cache.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { latency } from './scenarios/latency.ts';
import { memory } from './scenarios/memory.ts';
import { read } from './scenarios/read.ts';
import { scylla } from './scenarios/scylla.ts';
import { send } from './scenarios/send.ts';
import { store } from './scenarios/store.ts';
import { tracing } from './scenarios/tracing.ts';

const SCENARIOS = [store, send, latency, fanOut, memory, read, scylla, cache, tracing];
const RESULT = new URL('results/latest.json', import.meta.url);

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
  },
});
const unknown = flags.only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  const known = SCENARIOS.map(({ name }) => name).join(', ');
  throw new Error(`--only ${unknown.join(', ')}: there is only ${known}`);
}
const chosen = SCENARIOS.filter(({ name }) => flags.only.length === 0 || flags.only.includes(name)).filter(
  (scenario) => {
    const missing = scenario.missing?.();
    if (missing !== undefined) process.stderr.write(`${scenario.name} left out: ${missing}\n`);
    return missing === undefined;
  },
);
const figures: Figure[] = [];
const environment = await startEnvironment({ quick: flags.quick });
try {
  for (const scenario of chosen) {
    const from = performance.now();
    process.stderr.write(`${scenario.name} … `);
    figures.push(...(await scenario.run(environment)));
    process.stderr.write(`${Math.round((performance.now() - from) / 1000)} s\n`);
  }
} finally {
  await environment.stop();
}
printTable(figures);
writeJson(RESULT, figures, flags);
