import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type KnownMetrics, knownMetrics } from './known-metrics.ts';
import { Expression } from './promql.ts';
import { pathsOf, readGroups, readRules, readStories } from './rule-files.ts';

const { alerts, recordings } = readRules();
const stories = readStories();
const names = [...new Set(alerts.map(({ alert }) => alert))];
const RUNBOOKS = 'docs/runbooks';
const SLOW = { timeout: 600_000 };

/** Name and expression of every rule. */
const rules = [
  ...alerts.map(({ alert, labels, expr }) => [`${alert}, ${labels.severity}`, expr] as const),
  ...recordings.map(({ record, expr }) => [record, expr] as const),
];

describe.skipIf(!inject('canStart').promtool)('promtool', () => {
  test('accepts the rules', async () => {
    const told = await promtool('check', 'rules', '--lint=all', '--lint-fatal', ...pathsOf('rules'));
    expect(told).toContain('SUCCESS');
  });

  // It calculates hours in steps of 15 seconds.
  test.each(pathsOf('tests'))('%s: each alert fires when it should, and only then', SLOW, async (path) => {
    expect(await promtool('test', 'rules', path)).toContain('SUCCESS');
  });
});

/** What it printed; an Error with that when it is not content. */
async function promtool(...args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('promtool', args)).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`promtool ${args[0]} ${args[1]}:\n${stdout}${stderr}`, { cause: error });
  }
}

test('the inherited alerts are as they were promised', () => {
  const group = readGroups().find(({ name }) => name === 'chat_system');
  const kept = group?.rules.map((rule) =>
    'alert' in rule ? [rule.alert, rule.for, rule.labels.severity] : rule.record,
  );
  expect(kept).toEqual([
    ['HighMessageLatency', '5m', 'warning'],
    ['DatabaseConnectionFailure', '1m', 'critical'],
    ['ScyllaDBHighLatency', '5m', 'warning'],
  ]);
});

describe.each(alerts.map((alert) => [`${alert.alert}, ${alert.labels.severity}`, alert] as const))(
  '%s',
  (_, { alert, labels, annotations, expr }) => {
    const checks = stories.flatMap((story) =>
      (story.alert_rule_test ?? [])
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts }) => ({
          fires: exp_alerts.some(({ exp_labels }) => exp_labels.severity === labels.severity),
          hasSeries: story.input_series !== undefined,
        })),
    );

    test('has a story in which it fires, and one in which it is silent although there is something to see', () => {
      expect(checks.some(({ fires }) => fires)).toBe(true);
      expect(checks.some(({ fires, hasSeries }) => !fires && hasSeries)).toBe(true);
    });

    test('says what is wrong, and has a runbook that is about it', () => {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook']);
      expect(annotations.runbook).toBe(`${RUNBOOKS}/${alert}.md`);
      const runbook = readFileSync(`${RUNBOOKS}/${alert}.md`, 'utf8');
      expect(runbook).toMatch(new RegExp(`^# ${alert}\n`));
      expect(runbook).toContain('](../../deploy/prometheus/rules/chat.yml)');
      expect(runbook).toContain('](README.md)');
    });

    test('names only labels that it has', () => {
      const named = [
        ...Object.values(annotations)
          .join(' ')
          .matchAll(/\$labels\.(\w+)/g),
      ].map((match) => match[1] ?? '');
      const possible = new Expression(expr).labels(known.labelsOf);
      expect(named.filter((label) => !possible.includes(label))).toEqual([]);
    });
  },
);

test('each recording rule is calculated in a story', () => {
  const calculated = stories.flatMap(({ promql_expr_test = [] }) =>
    promql_expr_test.flatMap(({ expr }) => new Expression(expr).selectors().map(({ metric }) => metric)),
  );
  expect(recordings.map(({ record }) => record).filter((name) => !calculated.includes(name))).toEqual([]);
});

describe('runbooks', () => {
  const files = readdirSync(RUNBOOKS).filter((name) => name !== 'README.md');

  test('there is one for each alert, and none for anything else', () => {
    expect(files.toSorted()).toEqual(names.map((name) => `${name}.md`).toSorted());
  });

  test('the index lists each alert with its severities', () => {
    const rows = readFileSync(`${RUNBOOKS}/README.md`, 'utf8').matchAll(
      /^\| \[(\w+)\]\((\w+)\.md\) \| ([a-z, ]+) \|/gm,
    );
    const listed = [...rows].map(([, name, file, severities]) => [name, file, severities]);
    const expected = names.map((name) => [
      name,
      name,
      alerts.flatMap(({ alert, labels }) => (alert === name ? labels.severity : [])).join(', '),
    ]);
    expect(listed).toEqual(expected);
  });

  test.each(readdirSync(RUNBOOKS))('links and npm scripts in %s exist', (file) => {
    const text = readFileSync(`${RUNBOOKS}/${file}`, 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '');
    expect(
      links.filter((link) => !existsSync(new URL(link, `file://${process.cwd()}/${RUNBOOKS}/`))),
    ).toEqual([]);
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'));
    const named = [...text.matchAll(/npm run (?:-s )?([\w:]+)/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test.each(readdirSync(RUNBOOKS))('queries in %s can be asked', (file) => {
    const text = readFileSync(`${RUNBOOKS}/${file}`, 'utf8');
    const queries = [...text.matchAll(/```promql\n([^`]*)```/g)].flatMap((match) =>
      (match[1] ?? '').split('\n').filter((line) => line !== ''),
    );
    expect(queries.flatMap((query) => known.problemsOf(new Expression(query)))).toEqual([]);
  });
});

let known: KnownMetrics;
beforeAll(async () => {
  known = await knownMetrics();
});

test.each(rules)('%s asks for metrics, labels and values that there are', (_, expr) => {
  expect(known.problemsOf(new Expression(expr))).toEqual([]);
});
