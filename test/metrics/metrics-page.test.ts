import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricsPage } from '../../.ci/metrics-page.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';

test('docs/metrics.md tells every metric as it is', () => {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  expect(page).toBe(metricsPage(createMetrics()));
});
