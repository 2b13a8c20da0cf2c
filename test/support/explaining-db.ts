import pg from 'pg';
import type { Db, Rows } from '../../src/repository/postgres/db.ts';

const INT8 = 20;

/** A node of a plan, as EXPLAIN (FORMAT JSON) writes it. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** The plan of one statement that ran. */
export interface Explained {
  readonly text: string;
  readonly plan: PlanNode;
}

/** A database that tells the plan of everything it runs, statements inside functions included. */
export interface ExplainingDb {
  readonly db: Db;
  /** The plans since the last call. */
  take(): Explained[];
}

/**
 * Opens the database on one connection with auto_explain; undefined when the server does not let us have that.
 * `planMode` is Postgres' plan_cache_mode: with values, or as a prepared statement that has run often.
 */
export async function openExplainingDb(
  url: string,
  planMode: 'force_custom_plan' | 'force_generic_plan',
): Promise<ExplainingDb | undefined> {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser } });
  await client.connect();
  try {
    await client.query(`LOAD 'auto_explain'; SET jit = off; SET plan_cache_mode = ${planMode};
      SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
      SET auto_explain.log_format = json; SET auto_explain.log_level = notice`);
  } catch {
    await client.end();
    return undefined;
  }
  let explained: Explained[] = [];
  client.on('notice', ({ message = '' }) => {
    const plan = /plan:\n([\s\S]*)$/.exec(message)?.[1];
    if (plan !== undefined) explained.push(readPlan(plan));
  });
  return {
    db: asDb(client),
    take() {
      const taken = explained;
      explained = [];
      return taken;
    },
  };
}

/** The node and everything below it. */
export function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

function readPlan(json: string): Explained {
  const { 'Query Text': text, Plan: plan } = JSON.parse(json) as { 'Query Text': string; Plan: PlanNode };
  return { text, plan };
}

/** One connection does one thing at a time, which is what a list of plans needs. */
function asDb(client: pg.Client): Db {
  async function query<R>(text: string, params?: readonly unknown[]): Promise<Rows<R>> {
    const { rows, rowCount } = await client.query(text, params === undefined ? undefined : [...params]);
    return { rows, rowCount: rowCount ?? 0 };
  }
  return {
    query,
    async transaction(work) {
      await client.query('BEGIN');
      try {
        const result = await work({ query });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      }
    },
    tryLock: async () => undefined,
    close: async () => await client.end(),
  };
}

function getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  return oid === INT8 ? Number : pg.types.getTypeParser(oid, format ?? 'text');
}
