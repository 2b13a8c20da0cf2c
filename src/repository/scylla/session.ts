import { auth, Client, policies, types } from 'cassandra-driver';
import type { BreakerState } from '../../breaker.ts';
import type { Logger } from '../../logger.ts';
import { createScyllaGuard, type ScyllaGuard, storeUnavailable } from './guard.ts';
import { writeMutations } from './write-mutations.ts';

/*
 * Invariants:
 * - Every statement is prepared and may be repeated: reads change nothing, writes carry the timestamp of their change.
 * - Every request ends within `timeoutMs`; one that failed for lack of replicas, or of time, is repeated once.
 * - After `breakerFailures` of them in a row requests are refused at once, until a probe after `breakerResetMs` succeeds.
 * - What fails is a ChatError: `store_unavailable` when the store could not be asked, or nobody knows whether it did
 *   what it was asked; `internal_server_error` otherwise. The driver's error is the cause.
 */

/** How to reach ScyllaDB or Cassandra. */
export interface ScyllaConfig {
  /** `host:port`. */
  readonly hosts: readonly string[];
  readonly keyspace: string;
  /** Copies of each row and data center that `migrate` asks for. */
  readonly replicationFactor: number;
  readonly consistency: 'LOCAL_QUORUM' | 'QUORUM' | 'ALL';
  /** Undefined: that of the first host that answers. */
  readonly datacenter: string | undefined;
  readonly login: { readonly username: string; readonly password: string } | undefined;
  readonly timeoutMs: number;
  readonly breakerFailures: number;
  readonly breakerResetMs: number;
}

/** One statement that adds, replaces or deletes a row. */
export interface Mutation {
  /** Mutations with the same text are of one partition. Those are written in order, others at the same time. */
  readonly partition: string;
  readonly query: string;
  /** `undefined` leaves a column as it is. */
  readonly params: readonly unknown[];
}

/** A connected store. */
export interface ScyllaSession {
  /** Rows of a statement that names its limit or reads little. `{ks}` in the text stands for the keyspace. */
  read<R>(query: string, params: readonly unknown[]): Promise<R[]>;
  /** Rows of a large result, `pageSize` at a time. */
  pages<R>(query: string, params: readonly unknown[], pageSize?: number): AsyncIterable<R[]>;
  /** Writes all of them; rejects when one may not be written: then they may be given again. */
  write(mutations: readonly Mutation[]): Promise<void>;
  /** Runs a statement of the schema, as it is. */
  define(statement: string): Promise<void>;
  /** Rejects when the store does not answer. */
  ping(): Promise<void>;
  /** False while requests are refused at once. */
  breakerState(): BreakerState;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_FIRST_MS = 250;
const RECONNECT_LAST_MS = 5_000;
const PAGE_SIZE = 2_000;

/** Connects; rejects with a text for the operator when no host can be used. */
export async function connectScylla(config: ScyllaConfig, logger: Logger): Promise<ScyllaSession> {
  const localDataCenter = config.datacenter ?? (await findDatacenter(config));
  const client = new Client({ ...clientOptions(config), localDataCenter });
  await connect(client, config);
  client.on('hostDown', (host: { readonly address: string }) =>
    logger.warn({ host: host.address }, 'a Scylla host is down'),
  );
  client.on('hostUp', (host: { readonly address: string }) =>
    logger.info({ host: host.address }, 'a Scylla host is up'),
  );
  return asSession(client, createScyllaGuard(config, logger), config);
}

/**
 * Connects as soon as the store is there, for a store that may be away at the start: until then every request fails,
 * at once for `breakerResetMs` after an attempt did.
 */
export function connectScyllaLater(config: ScyllaConfig, logger: Logger): ScyllaSession {
  let connected: ScyllaSession | undefined;
  let connecting: Promise<ScyllaSession> | undefined;
  let closed = false;
  let failure: { readonly cause: unknown; readonly at: number } | undefined;
  const session = async (): Promise<ScyllaSession> => {
    if (connected !== undefined) return connected;
    if (failure !== undefined && Date.now() - failure.at < config.breakerResetMs)
      throw storeUnavailable(failure.cause);
    connecting ??= connectScylla(config, logger);
    try {
      connected = await connecting;
    } catch (cause) {
      failure = { cause, at: Date.now() };
      throw storeUnavailable(cause);
    } finally {
      connecting = undefined;
    }
    if (closed) await connected.close();
    return connected;
  };
  return {
    read: async (query, params) => await (await session()).read(query, params),
    async *pages(query, params, pageSize) {
      yield* (await session()).pages(query, params, pageSize);
    },
    write: async (mutations) => await (await session()).write(mutations),
    define: async (statement) => await (await session()).define(statement),
    ping: async () => await (await session()).ping(),
    breakerState: () => connected?.breakerState() ?? 'open',
    async close() {
      closed = true;
      await connected?.close();
    },
  };
}

function asSession(client: Client, guard: ScyllaGuard, config: ScyllaConfig): ScyllaSession {
  const consistency = types.consistencies[CONSISTENCIES[config.consistency]];
  const common = { prepare: true, isIdempotent: true, consistency, readTimeout: config.timeoutMs };
  const inKeyspace = keyspaceNamer(config.keyspace);
  const page = async (
    query: string,
    params: readonly unknown[],
    options: { readonly fetchSize: number; readonly pageState?: string },
  ): Promise<types.ResultSet> =>
    await guard.run(
      async () => await client.execute(inKeyspace(query), [...params], { ...common, ...options }),
    );

  async function* pages<R>(
    query: string,
    params: readonly unknown[],
    pageSize = PAGE_SIZE,
  ): AsyncGenerator<R[]> {
    for (let pageState: string | undefined; ; ) {
      const answer = await page(query, params, {
        fetchSize: pageSize,
        ...(pageState === undefined ? {} : { pageState }),
      });
      const rows = answer.rows.map(plainRow<R>);
      if (rows.length > 0) yield rows;
      if (!answer.pageState) return;
      pageState = answer.pageState;
    }
  }

  return {
    async read<R>(query: string, params: readonly unknown[]): Promise<R[]> {
      const found: R[] = [];
      for await (const rows of pages<R>(query, params)) found.push(...rows);
      return found;
    },
    pages,
    write: async (mutations) =>
      await writeMutations(mutations, async (batch) => {
        const statements = batch.map(({ query, params }) => ({
          query: inKeyspace(query),
          params: [...params],
        }));
        await guard.run(async () => await client.batch(statements, { ...common, logged: false }));
      }),
    async define(statement) {
      await client.execute(statement, [], { readTimeout: 60_000 });
    },
    async ping() {
      await guard.run(
        async () => await client.execute('SELECT key FROM system.local', [], { ...common, consistency: 1 }),
      );
    },
    breakerState: () => guard.state(),
    async close() {
      await client.shutdown();
    },
  };
}

const CONSISTENCIES = { LOCAL_QUORUM: 'localQuorum', QUORUM: 'quorum', ALL: 'all' } as const;

/** Asks any of the hosts; the driver wants to know before it connects. */
async function findDatacenter(config: ScyllaConfig): Promise<string> {
  const client = new Client({
    ...clientOptions(config),
    policies: { loadBalancing: new policies.loadBalancing.RoundRobinPolicy() },
  });
  try {
    await connect(client, config);
    const { rows } = await client.execute('SELECT data_center FROM system.local', [], {
      readTimeout: CONNECT_TIMEOUT_MS,
    });
    return String(rows[0]?.get('data_center'));
  } finally {
    await client.shutdown();
  }
}

function clientOptions({ hosts, login, timeoutMs }: ScyllaConfig): ConstructorParameters<typeof Client>[0] {
  return {
    contactPoints: [...hosts],
    ...(login === undefined
      ? {}
      : { authProvider: new auth.PlainTextAuthProvider(login.username, login.password) }),
    encoding: { useUndefinedAsUnset: true },
    isMetadataSyncEnabled: false,
    policies: {
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(
        RECONNECT_FIRST_MS,
        RECONNECT_LAST_MS,
        false,
      ),
      // The guard repeats what may be repeated.
      retry: new policies.retry.FallthroughRetryPolicy(),
    },
    pooling: { heartBeatInterval: 5_000 },
    socketOptions: { connectTimeout: CONNECT_TIMEOUT_MS, readTimeout: timeoutMs },
  };
}

async function connect(client: Client, { hosts }: ScyllaConfig): Promise<void> {
  try {
    await client.connect();
  } catch (error) {
    await client.shutdown().catch(() => undefined);
    // The driver puts a stack into what it says.
    const reason = (error instanceof Error ? error.message : String(error)).split('\n    at ')[0];
    throw new Error(`Scylla can't be used at ${hosts.join(', ')}: ${reason}`, { cause: error });
  }
}

/** Statements are few, so each text is made once. */
function keyspaceNamer(keyspace: string): (query: string) => string {
  const texts = new Map<string, string>();
  return (query) => {
    let text = texts.get(query);
    if (text === undefined) {
      text = query.replaceAll('{ks}', keyspace);
      texts.set(query, text);
    }
    return text;
  };
}

/** The row with plain values; see tables.ts. */
function plainRow<R>(row: types.Row): R {
  const plain: Record<string, unknown> = {};
  for (const name of row.keys()) plain[name] = plainValue(row.get(name));
  return plain as R;
}

function plainValue(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || value instanceof Date) return value;
  if (value instanceof types.Uuid) return value.toString();
  if (value instanceof types.Long) return value.toNumber();
  if (value instanceof types.Tuple) return value.values().map(plainValue);
  return Array.isArray(value) ? value.map(plainValue) : value;
}
