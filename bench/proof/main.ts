/** `npm run load`: proves under load that every message reaches every member once, in order and in time. See docs/load.md. */
import { mkdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../src/cli/command.ts';
import type { Verdict } from './objectives.ts';
import { HELP, type ProofOptions, parseOptions } from './options.ts';
import { prove } from './proof.ts';
import { reportOf, writeReport } from './report.ts';
import { renderSummary } from './summary.ts';
import { hasServers, runningTarget, startTarget, type Target } from './target.ts';
import { createView } from './view.ts';

const EXIT: Readonly<Record<Verdict, number>> = { PASS: 0, FAIL: 1, INVALID: 3 };
const COULD_NOT_RUN = 3;
const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

process.exitCode = await runCommand(HELP, () => main(process.argv.slice(2)));

/** Answers the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv, hasServers() ? 'real' : 'embedded');
  if (options === 'help') {
    console.log(HELP);
    return 0;
  }
  const interrupt = new AbortController();
  // npm passes on what the terminal has told everybody: it may come twice.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt.abort());
  try {
    return await run(options, interrupt.signal);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    console.error(interrupt.signal.aborted ? 'interrupted' : `could not run: ${text}`);
    return COULD_NOT_RUN;
  }
}

async function run(options: ProofOptions, signal: AbortSignal): Promise<number> {
  const folder = resolve(options.out ?? join(RESULTS, `load-${timestamp()}`));
  mkdirSync(folder, { recursive: true });
  const view = createView(process.stderr);
  let target: Target | undefined;
  try {
    if (options.origin === undefined) view.note(`starting the service (${options.stack})`);
    target = await targetOf(options, folder);
    const rounds = await prove(options, target, view, signal);
    view.end();
    const report = reportOf(options, target.description, rounds);
    const files = writeReport(folder, report);
    if (options.json) console.log(JSON.stringify(report));
    else {
      console.log(renderSummary(report, process.stdout.isTTY));
      console.log(`\n  ${relative(process.cwd(), files.html)}\n  ${relative(process.cwd(), files.json)}`);
    }
    return EXIT[report.verdict];
  } finally {
    view.end();
    await target?.stop();
  }
}

async function targetOf({ origin, stack }: ProofOptions, folder: string): Promise<Target> {
  if (origin !== undefined) return runningTarget(origin);
  return await startTarget(stack, join(folder, 'service.log'));
}

function timestamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '-');
}
