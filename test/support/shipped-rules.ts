import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

const FOLDER = new URL('../../deploy/prometheus/rules/', import.meta.url);

/** Expressions of the shipped alert of that name: one for each severity. Throws when there is none. */
export function alertExpressions(name: string): string[] {
  const files = readdirSync(FOLDER).map((file) => readFileSync(new URL(file, FOLDER), 'utf8'));
  const rules = files.flatMap((text) => (parse(text) as RuleFile).groups.flatMap((group) => group.rules));
  const found = rules.filter(({ alert }) => alert === name).map(({ expr }) => expr);
  if (found.length === 0) throw new Error(`there is no alert ${name}`);
  return found;
}

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert?: string; readonly expr: string }[];
  }[];
}
