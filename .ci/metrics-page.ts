/**
 * Writes docs/metrics.md from what is registered. `npm run generate` runs it; test/metrics compares.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createMetrics, type Metrics } from '../src/metrics/metrics.ts';

const INTRODUCTION = `# Metrics

Made by \`npm run generate\` from \`src/metrics/metrics.ts\`: edit that.

\`GET /metrics\` answers in the text format of Prometheus, on the main port or, better, on a port of its own (\`METRICS_PORT\`), which need not be
reachable from outside: whoever reaches it may read. \`METRICS_ENABLED=false\` switches it off.

Labels only take values from short lists: methods, codes, types, reasons. Never a room, a user or a client. Times are seconds. What a dependency does not
tell within a second is \`NaN\` in that scrape, never an old value. Gauges about the database (outbox, Scylla's lag) are the same on all instances: take their maximum, not
their sum.

Dashboards are in \`deploy/grafana/dashboards\`, alerts in \`deploy/prometheus/rules\`, and what to do about each alert in
[runbooks](runbooks/README.md).
`;

/** The page: one table of the service's own metrics, one of the process's. */
export function metricsPage({ registry }: Pick<Metrics, 'registry'>): string {
  const all = registry.getMetricsAsArray().toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const own = all.filter(({ name }) => name.startsWith('chat_'));
  const process = all.filter(({ name }) => !name.startsWith('chat_'));
  return [
    INTRODUCTION,
    '## The service\n',
    table(own),
    '\n## The process\n',
    'What Node.js tells of itself (prom-client).\n',
    table(process),
    '',
  ].join('\n');
}

type Registered = ReturnType<Metrics['registry']['getMetricsAsArray']>[number];

function table(metrics: readonly Registered[]): string {
  const rows = metrics.map((metric) => {
    // The library keeps kind and labels of a metric, but its types don't tell.
    const { type, labelNames } = metric as unknown as { type: string; labelNames: readonly string[] };
    const labels = labelNames.map((label) => `\`${label}\``).join(', ');
    return `| \`${metric.name}\` | ${type} | ${labels} | ${metric.help.replaceAll('|', '\\|')} |`;
  });
  return ['| Name | Kind | Labels | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../docs/metrics.md', import.meta.url), metricsPage(createMetrics()));
}
