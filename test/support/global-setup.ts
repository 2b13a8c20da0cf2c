import type { TestProject } from 'vitest/node';
import { type CassandraServer, findCassandra, startCassandra } from './cassandra-server.ts';
import { findNats, type NatsServer, startNats } from './nats-server.ts';
import { findPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of a real PostgreSQL; empty when there is none. */
    postgresUrl: string;
    /** URL of a real NATS server with JetStream; empty when there is none. */
    natsUrl: string;
    /** `host:port` of a real Cassandra or ScyllaDB; empty when there is none. */
    cassandraContactPoint: string;
    /** Tests may start and kill servers of their own of these kinds. */
    canStart: { readonly postgres: boolean; readonly nats: boolean; readonly cassandra: boolean };
  }
}

/**
 * Finds or starts the real servers once for the whole run: a TEST_* variable names one, else the installed one is started.
 * What can't be had is skipped and listed at the end; with REQUIRE_SERVICES=1 it fails the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const missing: [string, string][] = [];
  let postgres: PostgresServer | undefined;
  let nats: NatsServer | undefined;
  let cassandra: CassandraServer | undefined;
  let postgresUrl = process.env.TEST_DATABASE_URL ?? '';
  let natsUrl = process.env.TEST_NATS_URL ?? '';
  let cassandraContactPoint = process.env.TEST_SCYLLA_HOSTS ?? '';
  const canStart = {
    postgres: findPostgres() !== undefined,
    nats: findNats() !== undefined,
    cassandra: findCassandra() !== undefined,
  };
  if (postgresUrl === '' && !canStart.postgres) {
    missing.push(['Postgres suites', 'no TEST_DATABASE_URL, no postgres on PATH']);
  }
  if (natsUrl === '' && !canStart.nats) {
    missing.push(['JetStream suites', 'no TEST_NATS_URL, no nats-server on PATH']);
  }
  if (cassandraContactPoint === '' && !canStart.cassandra) {
    missing.push(['Scylla suites', 'no TEST_SCYLLA_HOSTS, no Cassandra installed (.ci/install-cassandra)']);
  }
  if (!canStart.postgres) missing.push(['Postgres fault tests', 'no postgres on PATH to start and kill']);
  if (!canStart.nats) missing.push(['NATS fault tests', 'no nats-server on PATH to start and kill']);
  if (!canStart.cassandra) {
    missing.push(['Scylla fault tests', 'no Cassandra installed to start and kill (.ci/install-cassandra)']);
  }
  if (missing.length > 0 && process.env.REQUIRE_SERVICES === '1') {
    throw new Error(`REQUIRE_SERVICES=1, but: ${missing.map(([what, why]) => `${what}: ${why}`).join('; ')}`);
  }
  await Promise.all([
    (async () => {
      if (postgresUrl !== '' || !canStart.postgres) return;
      postgres = await startPostgres();
      postgresUrl = postgres.url;
    })(),
    (async () => {
      if (natsUrl !== '' || !canStart.nats) return;
      nats = await startNats();
      natsUrl = nats.url;
    })(),
    (async () => {
      if (cassandraContactPoint !== '' || !canStart.cassandra) return;
      // Nobody kills this one, and many tests make keyspaces in it.
      cassandra = await startCassandra({ volatileSchema: true });
      cassandraContactPoint = cassandra.contactPoint;
    })(),
  ]);
  project.provide('postgresUrl', postgresUrl);
  project.provide('natsUrl', natsUrl);
  project.provide('cassandraContactPoint', cassandraContactPoint);
  project.provide('canStart', canStart);
  return async () => {
    await Promise.all([postgres?.stop(), nats?.stop(), cassandra?.stop()]);
    if (missing.length === 0) return;
    console.log('\nSkipped, because a real server is missing:');
    for (const [what, why] of missing) console.log(`  ${what.padEnd(22)} ${why}`);
  };
}
