import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath } from './path.ts';
import { freePort } from './ports.ts';
import { end, guard, untilPrinted } from './server-process.ts';

const RULES = fileURLToPath(new URL('../../deploy/prometheus/rules', import.meta.url));

/** A throw-away Prometheus that scrapes services and evaluates the rules that are shipped. */
export interface PrometheusServer {
  /** How many series the expression has now: an alert is true for each. */
  count(expression: string): Promise<number>;
  stop(): Promise<void>;
}

/** The `prometheus` on PATH; undefined when there is none. */
export function findPrometheus(): string | undefined {
  return findOnPath('prometheus');
}

/** Scrapes the services at these addresses as the job `chat-api`, every three seconds. */
export async function startPrometheus(urls: readonly string[]): Promise<PrometheusServer> {
  const bin = findPrometheus();
  if (bin === undefined) throw new Error('prometheus is not on PATH (.ci/install-prometheus)');
  const dir = mkdtempSync(join(tmpdir(), 'chat-prometheus-'));
  const config = join(dir, 'prometheus.yml');
  // JSON is YAML. A service that waits for a dependency answers a scrape after two seconds.
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '3s', scrape_timeout: '3s', evaluation_interval: '1s' },
      rule_files: [`${RULES}/*.yml`],
      scrape_configs: [
        { job_name: 'chat-api', static_configs: [{ targets: urls.map((url) => new URL(url).host) }] },
      ],
    }),
  );
  const port = await freePort();
  const child = spawn(
    bin,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { cwd: dir, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  guard(child, dir);
  await untilPrinted(child, 'Server is ready to receive web requests');
  return {
    async count(expression) {
      const query = new URLSearchParams({ query: expression });
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?${query}`);
      const body: unknown = await answer.json();
      if (!isResult(body)) throw new Error(`${expression}: ${JSON.stringify(body)}`);
      return body.data.result.length;
    },
    async stop() {
      await end(child, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function isResult(body: unknown): body is { readonly data: { readonly result: readonly unknown[] } } {
  return typeof body === 'object' && body !== null && 'status' in body && body.status === 'success';
}
