import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.ts';
import { findOnPath } from './path.ts';
import { type ServerKind, startServers, whyMissing } from './servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of a real PostgreSQL; empty when there is none. */
    postgresUrl: string;
    /** URL of a real NATS server with JetStream; empty when there is none. */
    natsUrl: string;
    /** URL of a real Redis; empty when there is none. */
    redisUrl: string;
    /** `host:port` of a real Cassandra or ScyllaDB; empty when there is none. */
    cassandraContactPoint: string;
    /** Tests may start and kill servers of their own of these kinds, and run these tools. */
    canStart: Readonly<Record<ServerKind | Tool, boolean>>;
  }
}

/** Programs that check deployment files, what is spoken on the wire, and what a browser shows; those that examples need, k6, and shells. */
type Tool =
  | 'promtool'
  | 'kustomize'
  | 'connectconformance'
  | 'chromium'
  | 'jq'
  | 'go'
  | 'python3'
  | 'k6'
  | 'zsh'
  | 'fish';

/** The variable that names a server of that kind that runs already, and how its tests are called. */
const KINDS = [
  ['postgres', 'TEST_DATABASE_URL', 'Postgres suites', 'Postgres fault tests'],
  ['nats', 'TEST_NATS_URL', 'JetStream suites', 'NATS fault tests'],
  ['redis', 'TEST_REDIS_URL', 'Redis suites', 'Redis fault tests'],
  ['cassandra', 'TEST_SCYLLA_HOSTS', 'Scylla suites', 'Scylla fault tests'],
] as const;

const TOOLS = [
  ['promtool', 'Prometheus files', '.ci/install-prometheus'],
  ['kustomize', 'Kubernetes manifests', '.ci/install-kustomize'],
  ['connectconformance', 'Conformance', '.ci/install-conformance'],
  ['jq', 'Examples in a shell', '.ci/install-examples'],
  ['go', 'Example in Go', '.ci/install-examples'],
  ['python3', 'Example in Python', '.ci/install-examples'],
  ['k6', 'k6 script', '.ci/install-k6'],
  ['zsh', 'Completion in zsh', '.ci/install-packages'],
  ['fish', 'Completion in fish', '.ci/install-packages'],
] as const;

/**
 * Finds or starts the real servers once for the whole run: a TEST_* variable names one, else the installed one is started.
 * What can't be had is skipped and listed at the end; with REQUIRE_SERVICES=1 it fails the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const missing: [string, string][] = [];
  const wanted: ServerKind[] = [];
  for (const [kind, variable, suites] of KINDS) {
    if (namedBy(variable) !== '') continue;
    const why = whyMissing(kind);
    if (why === undefined) wanted.push(kind);
    else missing.push([suites, `no ${variable}, ${why}`]);
  }
  for (const [kind, , , faults] of KINDS) {
    const why = whyMissing(kind);
    if (why !== undefined) missing.push([faults, `${why} to start and kill`]);
  }
  for (const [tool, suites, installer] of TOOLS) {
    if (findOnPath(tool) === undefined) missing.push([suites, `no ${tool} on PATH (${installer})`]);
  }
  if (findChromium() === undefined) missing.push(['Web chat', 'no Chromium on PATH, nor named by CHROMIUM']);
  if (missing.length > 0 && process.env.REQUIRE_SERVICES === '1') {
    throw new Error(`REQUIRE_SERVICES=1, but: ${missing.map(([what, why]) => `${what}: ${why}`).join('; ')}`);
  }
  const { addresses, stop } = await startServers(wanted);
  project.provide('postgresUrl', addresses.postgres ?? namedBy('TEST_DATABASE_URL'));
  project.provide('natsUrl', addresses.nats ?? namedBy('TEST_NATS_URL'));
  project.provide('redisUrl', addresses.redis ?? namedBy('TEST_REDIS_URL'));
  project.provide('cassandraContactPoint', addresses.cassandra ?? namedBy('TEST_SCYLLA_HOSTS'));
  project.provide('canStart', {
    postgres: whyMissing('postgres') === undefined,
    nats: whyMissing('nats') === undefined,
    redis: whyMissing('redis') === undefined,
    cassandra: whyMissing('cassandra') === undefined,
    promtool: findOnPath('promtool') !== undefined,
    kustomize: findOnPath('kustomize') !== undefined,
    connectconformance: findOnPath('connectconformance') !== undefined,
    chromium: findChromium() !== undefined,
    jq: findOnPath('jq') !== undefined,
    go: findOnPath('go') !== undefined,
    python3: findOnPath('python3') !== undefined,
    k6: findOnPath('k6') !== undefined,
    zsh: findOnPath('zsh') !== undefined,
    fish: findOnPath('fish') !== undefined,
  });
  return async () => {
    await stop();
    if (missing.length === 0) return;
    console.log('\nSkipped, because a real server or a tool is missing:');
    for (const [what, why] of missing) console.log(`  ${what.padEnd(22)} ${why}`);
  };
}

function namedBy(variable: string): string {
  return process.env[variable] ?? '';
}
