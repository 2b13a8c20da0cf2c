import { parseArgs } from 'node:util';
import { UsageError } from '../../src/cli/command.ts';
import type { Limits } from './objectives.ts';

/** A fault that is made in the middle. */
export type Chaos = 'restart-server' | 'kill-nats';

/** What is asked for. */
export interface ProofOptions {
  readonly users: number;
  readonly rooms: number;
  /** Messages per second. */
  readonly rate: number;
  /** Of the steady phase. */
  readonly seconds: number;
  readonly rampSeconds: number;
  readonly chaos: Chaos | undefined;
  readonly findMax: boolean;
  /** A service that runs already; undefined: one is started. */
  readonly origin: string | undefined;
  /** What a started service stands on. */
  readonly stack: 'embedded' | 'real';
  /** The folder for the report. */
  readonly out: string | undefined;
  readonly json: boolean;
  /** The same seed distributes users, rooms and sends alike. */
  readonly seed: number;
  readonly limits: Limits;
}

/** What `--help` prints. */
export const HELP = `Usage: npm run load -- [options]

Sends messages at a fixed rate to rooms of virtual users and proves that everybody gets each of them once, in order and in time.
Starts a service of its own, unless --url names one.

  --users N            virtual users, one stream each (200)
  --rooms N            rooms; each user is in three of them (50)
  --rate N             messages a second (500 on the real stack, 100 on the embedded one)
  --for TIME           how long the rate is kept: 30s, 2m (30s)
  --ramp TIME          how long it rises before that (5s)
  --chaos FAULT        restart-server: kills and starts the service in the middle; kill-nats: the same with NATS
  --find-max           searches the highest rate that meets the objectives; --rate is the first one tried
  --stack KIND         what the service stands on: real (PostgreSQL and NATS, started too), or embedded
                       (real where both are installed)
  --url URL            drives the service there; its JWT_SECRET or DATA_DIR in the environment signs the users' tokens
  --allow-remote       lets --url be another machine
  --send-p99 MS        objective: a send is answered (150)
  --delivery-p99 MS    objective: from the intended time of the send to each recipient (250)
  --late MS            a delivery that takes longer is late; at most one of 1,000 may be (1000)
  --counts-only        times are shown and not judged: for a machine that does other things
  --out DIR            where report.html and report.json go (bench/results/load-TIME)
  --seed N             the same seed sends alike (1)
  --json               prints the report as JSON to stdout, nothing else

Exit codes: 0 PASS, 1 FAIL, 2 wrong options, 3 it could not run, or the load generator was too slow to judge (INVALID).

Examples:
  npm run load
  npm run load -- --users 50 --rooms 10 --rate 100 --for 10s
  npm run load -- --chaos kill-nats
  npm run load -- --find-max --for 5s
  JWT_SECRET=… npm run load -- --url http://127.0.0.1:8080 --rate 50`;

const MAX = {
  users: 5_000,
  rooms: 2_000,
  rate: 50_000,
  seconds: 3_600,
  seed: 2 ** 31,
  milliseconds: 600_000,
};
/** What two cores can do beside the load itself. */
const DEFAULT_RATE = { embedded: 100, real: 500 };
/** Each user's rooms, when there are as many. */
export const ROOMS_OF_A_USER = 3;

/**
 * Reads the arguments; `help` when that is asked for. `usual` is the stack when none is named. Throws a UsageError, or what parseArgs
 * throws.
 */
export function parseOptions(
  argv: readonly string[],
  usual: ProofOptions['stack'] = 'embedded',
): ProofOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      users: { type: 'string', default: '200' },
      rooms: { type: 'string', default: '50' },
      rate: { type: 'string' },
      for: { type: 'string', default: '30s' },
      ramp: { type: 'string', default: '5s' },
      chaos: { type: 'string' },
      'find-max': { type: 'boolean', default: false },
      stack: { type: 'string' },
      url: { type: 'string' },
      'allow-remote': { type: 'boolean', default: false },
      'send-p99': { type: 'string', default: '150' },
      'delivery-p99': { type: 'string', default: '250' },
      late: { type: 'string', default: '1000' },
      'counts-only': { type: 'boolean', default: false },
      out: { type: 'string' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const users = whole('--users', values.users, MAX.users);
  const rooms = whole('--rooms', values.rooms, MAX.rooms);
  if (users * Math.min(rooms, ROOMS_OF_A_USER) < 2 * rooms) {
    throw new UsageError(`${users} users are too few for ${rooms} rooms: a room needs two members`);
  }
  const chaos = choice('--chaos', values.chaos, ['restart-server', 'kill-nats'] as const);
  const stack = choice('--stack', values.stack, ['embedded', 'real'] as const);
  const origin = values.url === undefined ? undefined : originOf(values.url, values['allow-remote']);
  refuseContradictions({
    ...{ chaos, stack, origin },
    findMax: values['find-max'],
    countsOnly: values['counts-only'],
  });
  // What a service that runs already stands on is not known here.
  const unnamed = origin === undefined ? usual : 'embedded';
  const ground = stack ?? (chaos === 'kill-nats' ? 'real' : unnamed);
  return {
    users,
    rooms,
    rate: values.rate === undefined ? DEFAULT_RATE[ground] : whole('--rate', values.rate, MAX.rate),
    seconds: secondsOf('--for', values.for),
    rampSeconds: secondsOf('--ramp', values.ramp),
    chaos,
    findMax: values['find-max'],
    origin,
    stack: ground,
    out: values.out,
    json: values.json,
    seed: whole('--seed', values.seed, MAX.seed),
    limits: {
      sendP99Ms: whole('--send-p99', values['send-p99'], MAX.milliseconds),
      deliveryP99Ms: whole('--delivery-p99', values['delivery-p99'], MAX.milliseconds),
      lateMs: whole('--late', values.late, MAX.milliseconds),
      countsOnly: values['counts-only'],
    },
  };
}

function refuseContradictions(options: {
  readonly chaos: Chaos | undefined;
  readonly stack: string | undefined;
  readonly origin: string | undefined;
  readonly findMax: boolean;
  readonly countsOnly: boolean;
}): void {
  const { chaos, stack, origin, findMax, countsOnly } = options;
  if (origin !== undefined && chaos !== undefined) {
    throw new UsageError('--chaos kills servers: only those that were started here, so not with --url');
  }
  if (origin !== undefined && stack !== undefined) {
    throw new UsageError('--stack is for a service that is started here, so not with --url');
  }
  if (findMax && countsOnly) throw new UsageError('--find-max and --counts-only do not go together');
  if (findMax && chaos !== undefined) throw new UsageError('--find-max and --chaos do not go together');
  if (chaos === 'kill-nats' && stack === 'embedded') {
    throw new UsageError('--chaos kill-nats needs --stack real: the embedded service has no NATS');
  }
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value < 1 || value > max) {
    throw new UsageError(`${name} ${text}: a whole number from 1 to ${max} is needed`);
  }
  return value;
}

function secondsOf(name: string, text: string): number {
  const [, amount, unit] = /^(\d{1,6}(?:\.\d{1,3})?)([sm]?)$/.exec(text) ?? [];
  const seconds = Number(amount) * (unit === 'm' ? 60 : 1);
  if (seconds > 0 && seconds <= MAX.seconds) return seconds;
  throw new UsageError(`${name} ${text}: a time of at most an hour is needed, for example 30s or 2m`);
}

function choice<T extends string>(name: string, text: string | undefined, all: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  const found = all.find((one) => one === text);
  if (found === undefined) throw new UsageError(`${name} ${text}: there is only ${all.join(', ')}`);
  return found;
}

function originOf(text: string, allowRemote: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`--url ${text}: an address like http://127.0.0.1:8080 is needed`);
  }
  if (!isLoopback(url.hostname) && !allowRemote) {
    throw new UsageError(`${url.hostname} is another machine: --allow-remote says that it may be loaded`);
  }
  return url.origin;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
