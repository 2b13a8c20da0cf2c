import type { Logger } from '../../logger.ts';
import { CQL_SCHEMA_VERSION, readCqlVersion } from './schema.ts';
import { connectScylla, type ScyllaConfig } from './session.ts';

/** What an operator wants to know of the cluster. */
export interface ScyllaFacts {
  /** Such as `ScyllaDB 6.2.0` or `Cassandra 5.0.9`: of the node that answered. */
  readonly version: string;
  /** Milliseconds of requests in a row. */
  readonly pingsMs: readonly number[];
  /** Nodes of the cluster, that one included, as it knows them. */
  readonly nodes: number;
  readonly schema: { readonly found: number | undefined; readonly needed: number };
}

const PINGS = 5;

/** Connects, asks everything, and closes. Only reads. Rejects with a text for the operator when no host can be used. */
export async function inspectScylla(config: ScyllaConfig, logger: Logger): Promise<ScyllaFacts> {
  const session = await connectScylla(config, logger);
  try {
    const pingsMs: number[] = [];
    for (let ping = 0; ping < PINGS; ping += 1) {
      const begun = performance.now();
      await session.ping();
      pingsMs.push(performance.now() - begun);
    }
    const [own] = await session.read<{ release_version: string }>(
      'SELECT release_version FROM system.local',
      [],
    );
    const peers = await session.read('SELECT peer FROM system.peers', []);
    const tables = await session.read(
      `SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'versions'`,
      [],
    );
    // ScyllaDB calls itself the Cassandra that it stands in for, and keeps its own version in a table of its own.
    const [scylla] =
      tables.length === 0
        ? []
        : await session.read<{ version: string }>('SELECT version FROM system.versions', []);
    return {
      version: scylla === undefined ? `Cassandra ${own?.release_version}` : `ScyllaDB ${scylla.version}`,
      pingsMs,
      nodes: peers.length + 1,
      schema: { found: await readCqlVersion(session, config.keyspace), needed: CQL_SCHEMA_VERSION },
    };
  } finally {
    await session.close();
  }
}
