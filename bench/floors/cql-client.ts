import { Client, policies, types } from 'cassandra-driver';
import type { ScyllaConfig } from '../../src/repository/scylla/session.ts';

/** The driver alone: no guard, no plain rows, nothing repeated. */
export interface BareCql {
  /** Runs a prepared statement; `{ks}` in the text stands for the keyspace. */
  execute(query: string, params: readonly unknown[]): Promise<types.ResultSet>;
  close(): Promise<void>;
}

/** Connects as the service does, with the same consistency. */
export async function openBareCql({ hosts, keyspace, timeoutMs }: ScyllaConfig): Promise<BareCql> {
  const { RoundRobinPolicy, TokenAwarePolicy } = policies.loadBalancing;
  const client = new Client({
    contactPoints: [...hosts],
    encoding: { useUndefinedAsUnset: true },
    isMetadataSyncEnabled: false,
    policies: {
      // Knows no data center, so none need be named.
      loadBalancing: new TokenAwarePolicy(new RoundRobinPolicy()),
      retry: new policies.retry.FallthroughRetryPolicy(),
    },
    socketOptions: { readTimeout: timeoutMs },
  });
  await client.connect();
  const { localQuorum, localSerial } = types.consistencies;
  const options = { prepare: true, consistency: localQuorum, serialConsistency: localSerial };
  const texts = new Map<string, string>();
  return {
    async execute(query, params) {
      const text = texts.get(query) ?? query.replaceAll('{ks}', keyspace);
      texts.set(query, text);
      return await client.execute(text, [...params], options);
    },
    close: () => client.shutdown(),
  };
}
