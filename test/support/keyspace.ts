import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { inject } from 'vitest';
import { applyCqlSchema } from '../../src/repository/scylla/schema.ts';
import { connectScylla, type ScyllaConfig, type ScyllaSession } from '../../src/repository/scylla/session.ts';

const logger = pino({ level: 'silent' });

/** A keyspace of its own for one test file. */
export interface TestKeyspace {
  readonly config: ScyllaConfig;
  readonly session: ScyllaSession;
  /** Settings of a service that uses it; what for is for the test to say. */
  readonly env: Readonly<Record<string, string>>;
  /** Closes `session` and deletes the keyspace. */
  drop(): Promise<void>;
}

/** How a test reaches the Cassandra at `contactPoint`; `change` replaces some of it. */
export function scyllaConfig(contactPoint: string, change: Partial<ScyllaConfig> = {}): ScyllaConfig {
  return {
    hosts: [contactPoint],
    keyspace: `chat_${randomUUID().replaceAll('-', '').slice(0, 20)}`,
    replicationFactor: 1,
    consistency: 'LOCAL_QUORUM',
    datacenter: undefined,
    login: undefined,
    timeoutMs: 10_000,
    breakerFailures: 5,
    breakerResetMs: 500,
    ...change,
  };
}

/** A fresh keyspace with the schema on the real Cassandra of the test run, or on the one at `contactPoint`. */
export async function createTestKeyspace(
  contactPoint: string = inject('cassandraContactPoint'),
  change: Partial<ScyllaConfig> = {},
): Promise<TestKeyspace> {
  const config = scyllaConfig(contactPoint, change);
  const session = await connectScylla(config, logger);
  await applyCqlSchema(session, config);
  return {
    config,
    session,
    env: scyllaEnv(config),
    async drop() {
      await session.define(`DROP KEYSPACE IF EXISTS ${config.keyspace}`).catch(() => undefined);
      await session.close();
    },
  };
}

/** The configuration as settings of a service. */
export function scyllaEnv(config: ScyllaConfig): Record<string, string> {
  return {
    SCYLLA_HOSTS: config.hosts.join(','),
    SCYLLA_KEYSPACE: config.keyspace,
    SCYLLA_TIMEOUT_MS: String(config.timeoutMs),
    SCYLLA_BREAKER_FAILURES: String(config.breakerFailures),
    SCYLLA_BREAKER_RESET_MS: String(config.breakerResetMs),
  };
}
