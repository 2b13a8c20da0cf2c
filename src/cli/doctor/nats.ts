import type { NatsConfig } from '../../config.ts';
import {
  inspectJetStream,
  type JetStreamFacts,
  type StreamFacts,
} from '../../events/jetstream-inspection.ts';
import { STREAM_NAME } from '../../events/subjects.ts';
import type { Finding } from './finding.ts';
import type { Probe } from './probe.ts';
import { bytes, duration, median, place } from './words.ts';

/** Events reach clients that much later. */
const SLOW_MS = 50;
const OLDEST_SERVER = [2, 10] as const;
/** Shares of the storage that are left. */
const LOW = 0.2;
const EMPTY = 0.05;

/** The broker and its stream, which is neither made nor corrected here. */
export function natsProbe(nats: NatsConfig): Probe {
  return {
    group: 'nats',
    name: 'server',
    todo: 'start it, or correct NATS_URL; calls go on meanwhile, events follow when it is back',
    async ask() {
      const facts = await inspectJetStream(nats);
      return [versionFinding(nats, facts), latencyFinding(facts), ...jetStreamFindings(facts)];
    },
  };
}

function versionFinding({ servers }: NatsConfig, { version }: JetStreamFacts): Finding {
  const common = { group: 'nats', name: 'server', data: { version } } as const;
  const text = `nats-server ${version} at ${servers.map((server) => place(server)).join(', ')}`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldMajor, oldMinor] = OLDEST_SERVER;
  return major > oldMajor || (major === oldMajor && minor >= oldMinor)
    ? { ...common, state: 'ok', text }
    : {
        ...common,
        state: 'fail',
        text: `${text} is too old`,
        todo: `use ${OLDEST_SERVER.join('.')} or newer`,
      };
}

function latencyFinding({ pingsMs }: JetStreamFacts): Finding {
  const ms = median(pingsMs);
  const common = { group: 'nats', name: 'latency', data: { medianMs: ms } } as const;
  const text = `answers in ${duration(ms)} (median of ${pingsMs.length})`;
  return ms <= SLOW_MS
    ? { ...common, state: 'ok', text }
    : { ...common, state: 'warn', text, todo: 'bring service and broker closer: each event waits for it' };
}

function jetStreamFindings({ problem, storage, stream }: JetStreamFacts): Finding[] {
  const common = { group: 'nats', name: 'stream' } as const;
  if (problem !== undefined) {
    const todo =
      'start nats-server with JetStream (-js), and let this account use it (NATS_JS_DOMAIN names a domain)';
    return [{ ...common, state: 'fail', text: `JetStream can't be used: ${problem}`, todo }];
  }
  const used = storage === undefined ? [] : [storageFinding(storage.used, storage.max, stream)];
  if (stream === undefined) {
    const text = `there is no stream ${STREAM_NAME} yet`;
    return [
      { ...common, state: 'warn', text, todo: 'nothing: the service makes it when it starts' },
      ...used,
    ];
  }
  return [settingsFinding(stream), contentFinding(stream), ...used];
}

function settingsFinding({ differences, replicas, consumers }: StreamFacts): Finding {
  const data = { replicas, consumers, differences: differences.length };
  const common = { group: 'nats', name: 'stream', data } as const;
  const also = `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}, ${consumers} ${consumers === 1 ? 'consumer' : 'consumers'}`;
  if (differences.length === 0) {
    const text = `${STREAM_NAME} keeps 1000 events a room, for 7 days, compressed, as wanted; ${also}`;
    return { ...common, state: 'ok', text };
  }
  const texts = differences.map(
    ({ setting, found, wanted }) => `${setting} is ${found}, wanted is ${wanted}`,
  );
  const todo = differences.some(({ setting }) => setting === 'retention')
    ? 'retention can not be changed: stop the service, delete the stream, start it; clients resynchronise'
    : 'nothing, if that was not meant: the service corrects it when it connects';
  return { ...common, state: 'warn', text: `${STREAM_NAME} is not as wanted: ${texts.join('; ')}`, todo };
}

function contentFinding({ messages, bytes: size, first, last, firstAt }: StreamFacts): Finding {
  const data = { messages, bytes: size, first, last, firstAt: firstAt?.toISOString() ?? null };
  const text =
    firstAt === undefined
      ? `no events; the next one is ${last + 1}`
      : `${messages} events, ${bytes(size)}, sequences ${first} to ${last}, the oldest ${duration(Date.now() - firstAt.getTime())} old`;
  return { group: 'nats', name: 'content', state: 'ok', text, data };
}

/** Of the account, or of the stream when its own limit is nearer. */
function storageFinding(used: number, max: number | undefined, stream: StreamFacts | undefined): Finding {
  const limits = [
    ...(max === undefined ? [] : [{ used, max }]),
    ...(stream?.maxBytes === undefined ? [] : [{ used: stream.bytes, max: stream.maxBytes }]),
  ];
  const [nearest] = limits.toSorted((a, b) => a.max - a.used - (b.max - b.used));
  const common = { group: 'nats', name: 'storage' } as const;
  if (nearest === undefined) {
    const text = `${bytes(used)} used; no limit of account or stream, only the server's max_file_store and its disk`;
    return { ...common, state: 'ok', text, data: { usedBytes: used, leftBytes: null } };
  }
  const left = Math.max(0, nearest.max - nearest.used);
  const share = left / Math.max(1, nearest.max);
  const state = share < EMPTY ? 'fail' : share < LOW ? 'warn' : 'ok';
  const text = `${bytes(nearest.used)} used, ${bytes(left)} left of ${bytes(nearest.max)}`;
  const todo =
    state === 'ok'
      ? {}
      : { todo: 'raise the limit: a full store refuses events, and they wait in PostgreSQL' };
  return { ...common, state, text, ...todo, data: { usedBytes: nearest.used, leftBytes: left } };
}
