import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { connectionOptions, type NatsOptions, type NatsSession } from './jetstream-connection.ts';
import { findStream, type StreamDifference, streamDifferences } from './jetstream-stream.ts';

/** What an operator wants to know of the broker. */
export interface JetStreamFacts {
  readonly version: string;
  readonly pingsMs: readonly number[];
  /** Why JetStream can't be used there; undefined when it can. */
  readonly problem: string | undefined;
  /** Files of JetStream in this account, bytes; `max` undefined: the account has no limit of its own. */
  readonly storage: { readonly used: number; readonly max: number | undefined } | undefined;
  /** Undefined: there is none yet. */
  readonly stream: StreamFacts | undefined;
}

/** The stream of events as it is. */
export interface StreamFacts {
  readonly differences: readonly StreamDifference[];
  /** Name of this incarnation, see `BrokerState.epoch`. */
  readonly epoch: string;
  readonly messages: number;
  readonly bytes: number;
  /** Undefined: no limit of its own. */
  readonly maxBytes: number | undefined;
  readonly first: number;
  readonly last: number;
  /** When the oldest message was stored; undefined when there is none. */
  readonly firstAt: Date | undefined;
  readonly consumers: number;
  readonly replicas: number;
}

const PINGS = 5;
const REQUEST_MS = 2_000;

/** Connects once, asks everything, and closes: nothing is made or changed. Rejects with the reason when NATS does not answer. */
export async function inspectJetStream(options: Omit<NatsOptions, 'logger'>): Promise<JetStreamFacts> {
  return await withSession(options, async (session) => {
    const pingsMs: number[] = [];
    for (let ping = 0; ping < PINGS; ping += 1) {
      const begun = performance.now();
      await session.nc.flush();
      pingsMs.push(performance.now() - begun);
    }
    const version = session.nc.info?.version ?? 'unknown';
    try {
      const { storage, limits } = await session.jsm.getAccountInfo();
      const max = limits.max_storage < 0 ? undefined : limits.max_storage;
      const stream = await findStream(session);
      const facts = stream === undefined ? undefined : streamFacts(stream);
      return { version, pingsMs, problem: undefined, storage: { used: storage, max }, stream: facts };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { version, pingsMs, problem, storage: undefined, stream: undefined };
    }
  });
}

/** Does the work with a connection that is made for it, is not made again when it breaks, and ends with it. */
export async function withSession<T>(
  options: Omit<NatsOptions, 'logger'>,
  work: (session: NatsSession) => Promise<T>,
): Promise<T> {
  const nc = await connect({
    ...connectionOptions(options),
    name: 'chat inspection',
    reconnect: false,
    ignoreAuthErrorAbort: false,
  });
  const end = new AbortController();
  void nc.closed().then(() => end.abort());
  const { jsDomain } = options;
  try {
    const jsm = await jetstreamManager(nc, {
      checkAPI: false,
      timeout: REQUEST_MS,
      ...(jsDomain === undefined ? {} : { domain: jsDomain }),
    });
    return await work({
      nc,
      jsm,
      api: jsDomain === undefined ? '$JS.API' : `$JS.${jsDomain}.API`,
      ended: end.signal,
    });
  } finally {
    await nc.close().catch(() => undefined);
  }
}

function streamFacts({ config, created, state }: StreamInfo): StreamFacts {
  return {
    differences: streamDifferences(config),
    epoch: created,
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: config.max_bytes < 0 ? undefined : config.max_bytes,
    first: state.first_seq,
    last: state.last_seq,
    firstAt: state.messages === 0 ? undefined : new Date(state.first_ts),
    consumers: state.consumer_count,
    replicas: config.num_replicas,
  };
}
