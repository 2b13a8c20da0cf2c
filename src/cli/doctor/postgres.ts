import type { Config } from '../../config.ts';
import { inspectPostgres, type PostgresFacts } from '../../repository/postgres/inspection.ts';
import { connectReadOnly } from '../../repository/postgres/read-only.ts';
import { clockFinding, latencyOf } from './clock.ts';
import type { Finding } from './finding.ts';
import type { Probe } from './probe.ts';
import { duration, place } from './words.ts';
import { storeFinding, workFindings } from './work.ts';

const OLDEST_SERVER = 14;
/** Every call waits for it at least once. */
const SLOW_MS = 20;
/** Beside the pool: the locks of dispatcher and follower. */
const LOCK_CONNECTIONS = 2;

/** The database server, and what waits in it. */
export function postgresProbe(url: string, config: Config): Probe {
  return {
    group: 'postgres',
    name: 'server',
    todo: 'start it, or correct DATABASE_URL: nothing works without it',
    async ask() {
      const sql = await connectReadOnly(url);
      try {
        const facts = await inspectPostgres(sql);
        return [...serverFindings(url, facts, config), ...workFindings(facts, config)];
      } finally {
        await sql.close();
      }
    },
  };
}

function serverFindings(url: string, facts: PostgresFacts, config: Config): Finding[] {
  return [
    versionFinding(url, facts),
    latencyFinding(facts),
    clockFinding('postgres', facts.answers),
    schemaFinding(facts),
    unaccentFinding(facts),
    connectionsFinding(facts, config.database.maxConnections),
    durabilityFinding(facts),
    ...storeFinding(facts, config),
  ];
}

function versionFinding(url: string, { version, major, isStandby }: PostgresFacts): Finding {
  const common = { group: 'postgres', name: 'server', data: { version } } as const;
  const text = `PostgreSQL ${version} at ${place(url, 'path')}`;
  if (isStandby) {
    const todo = 'let DATABASE_URL name the primary';
    return { ...common, state: 'fail', text: `${text} is a standby, and takes no writes`, todo };
  }
  if (major < OLDEST_SERVER)
    return { ...common, state: 'fail', text: `${text} is too old`, todo: `use ${OLDEST_SERVER} or newer` };
  return { ...common, state: 'ok', text };
}

function latencyFinding({ answers }: PostgresFacts): Finding {
  const ms = latencyOf(answers);
  const common = { group: 'postgres', name: 'latency', data: { medianMs: ms } } as const;
  const text = `answers in ${duration(ms)} (median of ${answers.length})`;
  return ms <= SLOW_MS
    ? { ...common, state: 'ok', text }
    : { ...common, state: 'warn', text, todo: 'bring service and database closer: each call waits for it' };
}

function schemaFinding({ schema: { found, needed } }: PostgresFacts): Finding {
  const common = { group: 'postgres', name: 'schema', data: { found: found ?? null, needed } } as const;
  if (found === needed) return { ...common, state: 'ok', text: `version ${found}, as needed` };
  const text = found === undefined ? 'there is none' : `version ${found}, version ${needed} is needed`;
  const isNewer = found !== undefined && found > needed;
  const todo = isNewer
    ? 'start the newer version of the service that made it'
    : 'run `npm run migrate` before the service starts';
  return { ...common, state: 'fail', text, todo };
}

function unaccentFinding({ unaccent }: PostgresFacts): Finding {
  const common = { group: 'postgres', name: 'unaccent', data: { unaccent } } as const;
  if (unaccent === 'installed') return { ...common, state: 'ok', text: 'the extension is there' };
  if (unaccent === 'available')
    return { ...common, state: 'ok', text: 'the extension is at hand, `npm run migrate` makes it' };
  const todo = 'install the package with the contrib modules (postgresql-contrib)';
  return { ...common, state: 'fail', text: 'the server does not have the extension', todo };
}

function connectionsFinding({ connections: { max, used } }: PostgresFacts, pool: number): Finding {
  const one = pool + LOCK_CONNECTIONS;
  const instances = Math.floor(max / one);
  const common = { group: 'postgres', name: 'connections', data: { max, used, perInstance: one } } as const;
  const text = `${used} of ${max} in use; an instance takes up to ${one}, so there is room for ${instances}`;
  if (instances < 1) {
    const todo = 'raise max_connections, or lower DATABASE_MAX_CONNECTIONS';
    return { ...common, state: 'fail', text, todo };
  }
  return max - used >= one
    ? { ...common, state: 'ok', text }
    : {
        ...common,
        state: 'warn',
        text,
        todo: 'before another instance starts, raise max_connections or lower DATABASE_MAX_CONNECTIONS',
      };
}

function durabilityFinding({ fsync }: PostgresFacts): Finding {
  const common = { group: 'postgres', name: 'durability', data: { fsync } } as const;
  return fsync
    ? { ...common, state: 'ok', text: 'fsync is on: what is committed outlives a power cut' }
    : {
        ...common,
        state: 'warn',
        text: 'fsync is off: a crash of that machine may destroy the whole database',
        todo: 'set fsync = on, unless its data may be lost',
      };
}
