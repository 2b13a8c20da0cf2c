import { DEFAULT_PASSWORD, SETTINGS, type Values } from './settings.ts';
import type { Problem } from './sources.ts';

/** What Scylla is used for; at least one is true. */
export interface ScyllaRoles {
  /** Reads come from Scylla. */
  readonly reads: boolean;
  /** Writes are answered when Scylla has them. */
  readonly writes: boolean;
  /** PostgreSQL holds everything as well. */
  readonly sync: boolean;
}

/** What the settings say of Scylla; undefined when it is not used. USE_SCYLLADB stands for reads and writes. */
export function scyllaRoles(values: Values): ScyllaRoles | undefined {
  const reads = values.USE_SCYLLADB === true || values.USE_SCYLLA_READS === true;
  const writes = values.USE_SCYLLADB === true || values.USE_SCYLLA_WRITES === true;
  const sync = values.SYNC_TO_SCYLLA;
  return reads || writes || sync ? { reads, writes, sync } : undefined;
}

/** What Scylla is asked to be that makes no sense. */
export function scyllaConflicts(values: Values): Problem[] {
  const {
    USE_SCYLLADB: all,
    USE_SCYLLA_READS: reads,
    USE_SCYLLA_WRITES: writes,
    SYNC_TO_SCYLLA: sync,
  } = values;
  const problem = (name: string, found: string, allowed: string): Problem => ({ name, found, allowed });
  const problems: Problem[] = [];
  if (all === true && (reads === false || writes === false)) {
    const names = [reads === false ? 'USE_SCYLLA_READS' : '', writes === false ? 'USE_SCYLLA_WRITES' : ''];
    problems.push(
      problem(
        names.filter((name) => name !== '').join(', '),
        'false',
        'true or unset with USE_SCYLLADB=true, which means both',
      ),
    );
  } else if (all !== true && writes === true && reads !== true) {
    problems.push(
      problem(
        'USE_SCYLLA_READS',
        'not true',
        'true with USE_SCYLLA_WRITES=true: what is written there is read there',
      ),
    );
  } else if (all !== true && writes !== true && reads === true && !sync) {
    problems.push(
      problem(
        'SYNC_TO_SCYLLA',
        'not true',
        'true with USE_SCYLLA_READS=true, unless USE_SCYLLA_WRITES is: somebody must write what is read',
      ),
    );
  }
  if ((values.SCYLLA_USERNAME === undefined) !== (values.SCYLLA_PASSWORD === undefined)) {
    const missing = values.SCYLLA_USERNAME === undefined ? 'SCYLLA_USERNAME' : 'SCYLLA_PASSWORD';
    problems.push(problem(missing, 'not set', 'both SCYLLA_USERNAME and SCYLLA_PASSWORD, or none'));
  }
  if (scyllaRoles(values) !== undefined && values.MODE === 'PROD' && values.SCYLLA_HOSTS === undefined) {
    problems.push(
      problem('SCYLLA_HOSTS', 'not set', `needed with MODE=PROD: ${SETTINGS.SCYLLA_HOSTS.allowed}`),
    );
  }
  return problems;
}

/** Several addresses are those of a cluster. */
export function redisConflicts(values: Values): Problem[] {
  const count = values.REDIS_URL?.length ?? 0;
  if (count < 2 || values.REDIS_CLUSTER) return [];
  return [{ name: 'REDIS_URL', found: `${count} addresses`, allowed: 'one, unless REDIS_CLUSTER=true' }];
}

/** Settings that contradict each other, and what production lacks. `wrong` settings are not missing as well. */
export function conflicts(values: Values, wrong: readonly Problem[]): Problem[] {
  const problems: Problem[] = [];
  const keys = ['JWT_JWKS_URL', 'JWT_PUBLIC_KEY', 'JWT_SECRET'] as const;
  const given = keys.filter((name) => values[name] !== undefined);
  if (given.length > 1) {
    problems.push({
      name: given.join(', '),
      found: `${given.length} are set`,
      allowed: `one of ${keys.join(', ')}`,
    });
  }
  const isWrong = (name: string): boolean => wrong.some((problem) => problem.name === name);
  const missing = (name: string, allowed: string): void => {
    if (!isWrong(name)) problems.push({ name, found: 'not set', allowed });
  };
  const isGiven = (name: keyof Values): boolean => values[name] !== undefined || isWrong(name);
  if (values.MODE !== 'PROD') {
    const pair = [['CHAT_KEY', 'CHAT_IV'] as const, ['CHAT_IV', 'CHAT_KEY'] as const];
    for (const [one, other] of pair) {
      if (isGiven(one) && !isGiven(other))
        missing(other, `set together with ${one}: ${SETTINGS[other].allowed}`);
    }
    return problems;
  }
  const needed = 'needed with MODE=PROD';
  if (values.DATABASE_URL === undefined && values.POSTGRES_HOST === undefined) {
    missing('DATABASE_URL', `${needed}: ${SETTINGS.DATABASE_URL.allowed}, or POSTGRES_HOST`);
  }
  // The inherited default is in every copy of the documentation.
  if (values.DATABASE_URL === undefined && values.POSTGRES_HOST !== undefined) {
    if (values.POSTGRES_PASSWORD === DEFAULT_PASSWORD)
      missing('POSTGRES_PASSWORD', `${needed}: another than the default`);
  }
  if (values.NATS_URL === undefined) missing('NATS_URL', `${needed}: ${SETTINGS.NATS_URL.allowed}`);
  if (given.length === 0 && !keys.some(isWrong))
    missing('JWT_JWKS_URL', `${needed}, or JWT_PUBLIC_KEY, or JWT_SECRET`);
  if (values.CHAT_KEY === undefined) missing('CHAT_KEY', `${needed}: ${SETTINGS.CHAT_KEY.allowed}`);
  if (values.CHAT_IV === undefined) missing('CHAT_IV', `${needed}: ${SETTINGS.CHAT_IV.allowed}`);
  if (values.CORS_ORIGINS?.includes('*') === true) {
    problems.push({ name: 'CORS_ORIGINS', found: '"*"', allowed: 'a list of origins with MODE=PROD' });
  }
  return problems;
}
