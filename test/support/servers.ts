import { findCassandra, startCassandra } from './cassandra-server.ts';
import { findNats, startNats } from './nats-server.ts';
import { findPostgres, startPostgres } from './postgres-server.ts';
import { findRedis, startRedis } from './redis-server.ts';

/** Every kind of server that the service can stand on. */
export type ServerKind = 'postgres' | 'nats' | 'redis' | 'cassandra';

/** How servers of one kind are had. */
interface Recipe {
  readonly isInstalled: () => boolean;
  /** What has been looked for in vain. */
  readonly missing: string;
  /** Starts one for many users, which nobody kills or pauses. */
  readonly start: () => Promise<{ readonly address: string; readonly stop: () => Promise<void> }>;
}

const RECIPES: Readonly<Record<ServerKind, Recipe>> = {
  postgres: {
    isInstalled: () => findPostgres() !== undefined,
    missing: 'no postgres on PATH',
    start: async () => {
      const { url, stop } = await startPostgres();
      return { address: url, stop };
    },
  },
  nats: {
    isInstalled: () => findNats() !== undefined,
    missing: 'no nats-server on PATH',
    start: async () => {
      const { url, stop } = await startNats();
      return { address: url, stop };
    },
  },
  redis: {
    isInstalled: () => findRedis() !== undefined,
    missing: 'no redis-server on PATH',
    start: async () => {
      const { url, stop } = await startRedis();
      return { address: url, stop };
    },
  },
  cassandra: {
    isInstalled: () => findCassandra() !== undefined,
    missing: 'no Cassandra installed (.ci/install-cassandra)',
    start: async () => {
      // Many tests make keyspaces in it.
      const { contactPoint, stop } = await startCassandra({ volatileSchema: true });
      return { address: contactPoint, stop };
    },
  },
};

/** Servers that run. */
export interface Servers {
  /** The URL of each server that was asked for; of Cassandra, `host:port`. */
  readonly addresses: Readonly<Partial<Record<ServerKind, string>>>;
  /** Stops all of them and deletes their data. */
  stop(): Promise<void>;
}

/** Why servers of that kind can't be started on this machine; undefined when they can. */
export function whyMissing(kind: ServerKind): string | undefined {
  return RECIPES[kind].isInstalled() ? undefined : RECIPES[kind].missing;
}

/** Starts one empty server of each kind, all at once; when one of them fails, none stays. */
export async function startServers(kinds: readonly ServerKind[]): Promise<Servers> {
  const started = await Promise.allSettled(
    kinds.map(async (kind) => ({ kind, ...(await RECIPES[kind].start()) })),
  );
  const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()));
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { addresses: Object.fromEntries(running.map(({ kind, address }) => [kind, address])), stop };
}
