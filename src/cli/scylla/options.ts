import { parseArgs } from 'node:util';
import { takeAction } from '../arguments.ts';
import { UsageError } from '../command.ts';
import { SCYLLA } from '../commands/stores.ts';
import { parseCount } from '../token.ts';

/** What the scylla command is to do. */
export interface ScyllaOptions {
  readonly action: Action;
  readonly dryRun: boolean;
  readonly batchSize: number;
  readonly workers: number;
  readonly samples: number;
  /** ISO text. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly roomId: string | undefined;
}

type Action = (typeof SCYLLA.actions)[number]['name'];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DATE = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** Reads the arguments. Throws what makes the usage be shown. */
export function parseScyllaOptions(argv: readonly string[]): ScyllaOptions {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: SCYLLA.options,
  });
  const { action, rest } = takeAction(SCYLLA.actions, positionals);
  if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" makes no sense after ${action}`);
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
    batchSize: parseCount('batch-size', values['batch-size'] ?? '1000', 10_000),
    workers: parseCount('workers', values.workers ?? '4', 64),
    samples: parseCount('samples', values.samples ?? '1000', 1_000_000),
    since,
    until,
    roomId: roomId?.toLowerCase(),
  };
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
