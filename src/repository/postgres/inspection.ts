import { type Lag, readLag } from '../scylla/change-log.ts';
import { FOLLOW_LOCK } from '../scylla/follower.ts';
import { readStoreState, type StoreState } from '../scylla/store-state.ts';
import type { Sql } from './db.ts';
import { DISPATCH_LOCK } from './outbox.ts';
import { readSchemaVersion, SCHEMA_VERSION } from './schema.ts';

/** What an operator wants to know of the database server; nothing of it is about one room or user. */
export interface PostgresFacts {
  /** As the server writes it, such as `16.4 (Debian …)`. */
  readonly version: string;
  readonly major: number;
  /** Answers in a row, each with the server's clock. */
  readonly answers: readonly TimedAnswer[];
  /** It only repeats another server, and takes no writes. */
  readonly isStandby: boolean;
  /** What is committed is on the disk. */
  readonly fsync: boolean;
  readonly connections: { readonly max: number; readonly used: number };
  /** Whether `unaccent` can be, or has been, made in this database. */
  readonly unaccent: 'installed' | 'available' | 'missing';
  readonly schema: { readonly found: number | undefined; readonly needed: number };
  /** Undefined while the schema is another one. */
  readonly work: WorkFacts | undefined;
}

/** When a question was sent and answered here, and what the other clock said in between. Milliseconds since the epoch. */
export interface TimedAnswer {
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly serverAt: number;
}

/** What waits, and who works on it. */
export interface WorkFacts {
  readonly outbox: Waiting;
  /** Undefined: nobody publishes. */
  readonly dispatcher: LockHolder | undefined;
  readonly notifications: Waiting;
  readonly store: StoreState;
  readonly lag: Lag;
  readonly follower: LockHolder | undefined;
}

/** Entries of a queue. */
export interface Waiting {
  readonly count: number;
  readonly oldestAgeMs: number;
}

/** A connection that holds a lock. */
export interface LockHolder {
  /** Address of the instance; undefined when it came through a socket of the same machine. */
  readonly address: string | undefined;
  readonly since: Date;
}

const PINGS = 5;

/** Asks everything. Only reads. Rejects when the server does not answer. */
export async function inspectPostgres(sql: Sql): Promise<PostgresFacts> {
  const answers: TimedAnswer[] = [];
  for (let ping = 0; ping < PINGS; ping += 1) answers.push(await timedAnswer(sql));
  const { rows } = await sql.query<ServerRow>(SERVER);
  const [server] = rows;
  if (server === undefined) throw new Error('the server did not say what it is');
  const found = await readSchemaVersion(sql);
  return {
    answers,
    version: server.version,
    major: Math.floor(server.number / 10_000),
    isStandby: server.standby,
    fsync: server.fsync === 'on',
    connections: { max: server.max, used: server.used },
    unaccent: server.unaccent,
    schema: { found, needed: SCHEMA_VERSION },
    work: found === SCHEMA_VERSION ? await readWork(sql) : undefined,
  };
}

async function timedAnswer(sql: Sql): Promise<TimedAnswer> {
  const sentAt = preciseNow();
  const { rows } = await sql.query<{ now: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
  );
  return { sentAt, receivedAt: preciseNow(), serverAt: rows[0]?.now ?? Number.NaN };
}

/** Date.now() has whole milliseconds only. */
function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

async function readWork(sql: Sql): Promise<WorkFacts> {
  const { rows } = await sql.query<
    Record<'events' | 'jobs', number> & Record<'events_age' | 'jobs_age', number>
  >(WAITING);
  const [waiting] = rows;
  return {
    outbox: { count: waiting?.events ?? 0, oldestAgeMs: waiting?.events_age ?? 0 },
    notifications: { count: waiting?.jobs ?? 0, oldestAgeMs: waiting?.jobs_age ?? 0 },
    dispatcher: await holderOf(sql, DISPATCH_LOCK),
    follower: await holderOf(sql, FOLLOW_LOCK),
    store: await readStoreState(sql),
    lag: await readLag(sql),
  };
}

async function holderOf(sql: Sql, key: number): Promise<LockHolder | undefined> {
  const { rows } = await sql.query<{ address: string | null; since: Date }>(HOLDER, [key]);
  return rows[0] === undefined ? undefined : { address: rows[0].address ?? undefined, since: rows[0].since };
}

const SERVER = `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
  pg_is_in_recovery() AS standby, current_setting('fsync') AS fsync,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS max,
  (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS used,
  CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'unaccent') THEN 'installed'
    WHEN EXISTS (SELECT FROM pg_available_extensions WHERE name = 'unaccent') THEN 'available' ELSE 'missing' END AS unaccent`;

const WAITING = `SELECT o.count::int AS events, o.age AS events_age, n.count::int AS jobs, n.age AS jobs_age FROM
  (SELECT count(*), coalesce(greatest(0, extract(epoch FROM now() - min(created_at)) * 1000), 0)::float8 AS age FROM outbox) o,
  (SELECT count(*), coalesce(greatest(0, extract(epoch FROM now() - min(created_at)) * 1000), 0)::float8 AS age
    FROM notification_outbox) n`;

/** An advisory lock of one bigint is shown in two halves. */
const HOLDER = `SELECT host(a.client_addr) AS address, a.backend_start AS since
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = ($1::bigint >> 32)::oid AND l.objid = ($1::bigint & 4294967295)::oid
  LIMIT 1`;

interface ServerRow {
  readonly version: string;
  readonly number: number;
  readonly standby: boolean;
  readonly fsync: string;
  readonly max: number;
  readonly used: number;
  readonly unaccent: PostgresFacts['unaccent'];
}
