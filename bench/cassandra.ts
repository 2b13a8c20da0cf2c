import { type CassandraServer, findCassandra, startCassandra } from '../test/support/cassandra-server.ts';
import { createTestKeyspace, type TestKeyspace } from '../test/support/keyspace.ts';

/** A Cassandra that runs from the first keyspace on, or the one that TEST_SCYLLA_HOSTS names. */
export interface Cassandra {
  /** Makes a keyspace with the schema; it goes with {@link Cassandra.stop}. */
  keyspace(): Promise<TestKeyspace>;
  stop(): Promise<void>;
}

/** Why there is none; undefined when there is one. */
export function missingCassandra(): string | undefined {
  if (process.env.TEST_SCYLLA_HOSTS || findCassandra() !== undefined) return undefined;
  return 'no TEST_SCYLLA_HOSTS, no Cassandra installed (.ci/install-cassandra)';
}

/** Starts nothing yet: a JVM that stands by would take time from what is measured beside it. */
export function createCassandra(): Cassandra {
  const made: TestKeyspace[] = [];
  let server: Promise<CassandraServer> | undefined;
  return {
    async keyspace() {
      const hosts = process.env.TEST_SCYLLA_HOSTS;
      if (!hosts) server ??= startCassandra({ asClusterNode: true });
      const keyspace = await createTestKeyspace(hosts || (await server)?.contactPoint);
      made.push(keyspace);
      return keyspace;
    },
    async stop() {
      for (const keyspace of made) await keyspace.drop();
      await (await server?.catch(() => undefined))?.stop();
    },
  };
}
