import { parseArgs } from 'node:util';
import { UsageError } from '../command.ts';

/** What the scylla command is to do. */
export interface ScyllaOptions {
  readonly action: 'migrate' | 'validate' | 'status';
  readonly dryRun: boolean;
  readonly batchSize: number;
  readonly workers: number;
  readonly samples: number;
  /** ISO text. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly roomId: string | undefined;
}

const OPTIONS = {
  'dry-run': { type: 'boolean' },
  'batch-size': { type: 'string' },
  workers: { type: 'string' },
  samples: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  'room-id': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Which action takes which. */
const TAKEN: Readonly<Record<ScyllaOptions['action'], readonly string[]>> = {
  migrate: ['dry-run', 'batch-size', 'workers', 'since', 'until', 'room-id'],
  validate: ['samples', 'workers', 'since', 'until', 'room-id'],
  status: [],
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DATE = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** Reads the arguments; undefined when help is wanted. Throws what makes the usage be shown. */
export function parseScyllaOptions(argv: readonly string[]): ScyllaOptions | undefined {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
  if (values.help === true) return undefined;
  const [action, ...others] = positionals;
  if (action === undefined) throw new UsageError('what to do? migrate, validate or status');
  if (!isAction(action)) throw new UsageError(`there is no "${action}": migrate, validate or status`);
  if (others.length > 0) throw new UsageError(`"${others.join(' ')}" makes no sense after ${action}`);
  for (const name of Object.keys(values)) {
    if (!TAKEN[action].includes(name)) throw new UsageError(`--${name} makes no sense with ${action}`);
  }
  const since = time('since', values.since);
  const until = time('until', values.until);
  if (since !== undefined && until !== undefined && since >= until)
    throw new UsageError('--since must be before --until');
  const roomId = values['room-id'];
  if (roomId !== undefined && !UUID.test(roomId)) {
    throw new UsageError(`--room-id "${roomId}": must be the id of a room, a UUID`);
  }
  return {
    action,
    dryRun: values['dry-run'] === true,
    batchSize: count('batch-size', values['batch-size'], 1_000, 10_000),
    workers: count('workers', values.workers, 4, 64),
    samples: count('samples', values.samples, 1_000, 1_000_000),
    since,
    until,
    roomId: roomId?.toLowerCase(),
  };
}

function isAction(text: string): text is ScyllaOptions['action'] {
  return Object.hasOwn(TAKEN, text);
}

function count(name: string, text: string | undefined, otherwise: number, max: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= max) return value;
  throw new UsageError(`--${name} "${text}": must be a whole number from 1 to ${max}`);
}

/** A day or a time, without a zone in UTC. */
function time(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [, day = '', clock, , , zone] = DATE.exec(text) ?? [];
  const date = new Date(clock === undefined || zone !== undefined ? text : `${text}Z`);
  const isReal = day !== '' && isDay(day) && !Number.isNaN(date.getTime());
  if (isReal) return date.toISOString();
  throw new UsageError(`--${name} "${text}": must be a time such as 2024-05-01 or 2024-05-01T12:00:00Z`);
}

/** Not February 30, which Date takes for March 1. */
function isDay(day: string): boolean {
  const date = new Date(day);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
