import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type KnownMetrics, knownMetrics } from './known-metrics.ts';
import { Expression } from './promql.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly datasource: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig: { readonly defaults: { readonly unit: string } };
  readonly targets: readonly {
    readonly refId: string;
    readonly datasource: unknown;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly annotations: { readonly list: readonly unknown[] };
  readonly panels: readonly Panel[];
}

const FOLDER = 'deploy/grafana/dashboards';
const DATASOURCE = { type: 'prometheus', uid: `\${datasource}` };

const dashboards = readdirSync(FOLDER).map((file): [string, Dashboard] => [
  file,
  JSON.parse(readFileSync(join(FOLDER, file), 'utf8')),
]);

let known: KnownMetrics;
beforeAll(async () => {
  known = await knownMetrics();
});

test('there are four, and Grafana can tell them apart', () => {
  expect(dashboards.map(([file, { title }]) => [file, title])).toEqual([
    ['chat-delivery.json', 'Chat Delivery'],
    ['chat-storage.json', 'Chat Storage'],
    ['chat-streams.json', 'Chat Streams'],
    ['chat-system-metrics.json', 'Chat System Metrics'],
  ]);
  expect(dashboards.map(([file, { uid }]) => `${uid}.json` === file)).not.toContain(false);
});

test('Chat System Metrics has the three panels that were promised', () => {
  const panels = dashboards.find(([, { title }]) => title === 'Chat System Metrics')?.[1].panels ?? [];
  const shown = panels.map(({ title, type, targets: [target] }) => [
    title,
    type,
    target?.expr,
    target?.legendFormat,
  ]);
  expect(shown).toEqual([
    ['Messages per Second', 'timeseries', 'rate(chat_messages_sent_total[5m])', '{{database}} {{room_type}}'],
    [
      'Query Latency',
      'timeseries',
      'histogram_quantile(0.95, sum by (operation, le) (rate(chat_query_duration_seconds_bucket[$__rate_interval])))',
      '{{operation}}',
    ],
    ['Active Connections', 'stat', 'sum(chat_active_connections)', 'streams'],
  ]);
});

describe.each(dashboards)('%s', (_, dashboard) => {
  const { panels } = dashboard;

  test('is of a format that Grafana 11 reads', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(panels.map(({ type }) => type).filter((type) => !['timeseries', 'stat'].includes(type))).toEqual(
      [],
    );
  });

  test('every panel has an id, a title, a description and a unit', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    for (const { title, description, fieldConfig } of panels) {
      expect([title, description, fieldConfig.defaults.unit], title).not.toContain('');
      expect(description, title).toBeTypeOf('string');
      expect(fieldConfig.defaults.unit, title).toBeTypeOf('string');
    }
  });

  test('no panel lies on another one, or outside', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x},${y}`), `${title} at ${x},${y}`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });

  test('asks the Prometheus that is chosen above it, and nobody else', () => {
    expect(dashboard.templating.list).toEqual([
      expect.objectContaining({ name: 'datasource', type: 'datasource', query: 'prometheus' }),
    ]);
    expect(dashboard.annotations.list).toEqual([]);
    const asked = panels.flatMap((panel) => [
      panel.datasource,
      ...panel.targets.map(({ datasource }) => datasource),
    ]);
    expect(asked.filter((one) => JSON.stringify(one) !== JSON.stringify(DATASOURCE))).toEqual([]);
  });

  describe.each(panels.map((panel) => [panel.title, panel.targets] as const))('%s', (_title, targets) => {
    test('asks for metrics, labels and values that a running service has', () => {
      expect(targets.length).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      expect(targets.flatMap(({ expr }) => known.problemsOf(new Expression(expr)))).toEqual([]);
    });

    test('tells its lines apart', () => {
      expect(new Set(targets.map(({ legendFormat }) => legendFormat)).size).toBe(targets.length);
      for (const { expr, legendFormat } of targets) {
        const named = [...legendFormat.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map((match) => match[1] ?? '');
        expect(legendFormat, expr).not.toBe('');
        expect(named.toSorted(), expr).toEqual(labelsThatVary(expr).toSorted());
      }
    });
  });
});

/** Labels of the result that may differ between its series. */
function labelsThatVary(expr: string): string[] {
  // As it was promised: the instances lie on each other in the same colours.
  if (expr === 'rate(chat_messages_sent_total[5m])') return ['room_type', 'database'];
  const expression = new Expression(expr);
  const fixed = expression.selectors().flatMap(({ matchers }) => matchers.map(({ label }) => label));
  return expression.labels(known.labelsOf).filter((label) => label !== 'job' && !fixed.includes(label));
}
