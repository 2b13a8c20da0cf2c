import { commandRunner } from './commands.ts';

/** One finding of the doctor's JSON. */
export interface Found {
  readonly group: string;
  readonly name: string;
  readonly state: string;
  readonly text: string;
  readonly todo?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What it ended with, and what it found. */
export type Diagnosis = { readonly code: number; readonly findings: readonly Found[] };

/** Keeps what each test of the file prints; `doctor` runs the command for programs, with nothing set but `env`. */
export function doctorRunner(): {
  readonly out: string[];
  readonly err: string[];
  doctor(env: Readonly<Record<string, string>>, ...argv: readonly string[]): Promise<Diagnosis>;
} {
  const { out, err, run } = commandRunner();
  return {
    out,
    err,
    async doctor(env, ...argv) {
      const code = await run(['doctor', '--json', ...argv], { DATA_DIR: 'memory:', ...env });
      const { findings }: { findings: Found[] } = JSON.parse(out.join('\n'));
      return { code, findings };
    },
  };
}

/** What is said of one thing; throws when nothing is. */
export function pick(findings: readonly Found[], group: string, name: string): Found {
  const found = findings.find((finding) => finding.group === group && finding.name === name);
  if (found === undefined)
    throw new Error(`nothing is said of ${group} ${name}: ${JSON.stringify(findings)}`);
  return found;
}

/** Group and name of everything that fails. */
export function failures(findings: readonly Found[]): string[] {
  return findings.filter(({ state }) => state === 'fail').map(({ group, name }) => `${group} ${name}`);
}
