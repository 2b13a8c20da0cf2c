import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const FOLDER = 'deploy/prometheus';

/** A rule that fires. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

/** A rule that calculates. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
}

/** One story of promtool: series, and which alerts fire when. */
export interface Story {
  readonly name: string;
  readonly input_series?: readonly { readonly series: string }[];
  readonly alert_rule_test?: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    readonly exp_alerts: readonly { readonly exp_labels: { readonly severity: string } }[];
  }[];
  readonly promql_expr_test?: readonly { readonly expr: string }[];
}

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (Alert | Recording)[];
}

/** Paths of the rule files, or of the files that test them. */
export function pathsOf(kind: 'rules' | 'tests'): string[] {
  return readdirSync(join(FOLDER, kind))
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(FOLDER, kind, name));
}

/** Every rule that is shipped, by its group. */
export function readGroups(): RuleGroup[] {
  return pathsOf('rules').flatMap((path) => read<{ groups: RuleGroup[] }>(path).groups);
}

export function readRules(): {
  readonly alerts: readonly Alert[];
  readonly recordings: readonly Recording[];
} {
  const rules = readGroups().flatMap((group) => group.rules);
  return {
    alerts: rules.filter((rule) => 'alert' in rule),
    recordings: rules.filter((rule) => 'record' in rule),
  };
}

export function readStories(): Story[] {
  return pathsOf('tests').flatMap((path) => read<{ tests: Story[] }>(path).tests);
}

function read<T>(path: string): T {
  return parse(readFileSync(path, 'utf8'));
}
