import {
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { Logger } from '../logger.ts';
import type { BrokerState } from './broker.ts';
import { type NatsSession, within } from './jetstream-connection.ts';
import { MAX_EVENT_AGE_MS, MAX_EVENTS_PER_SUBJECT, STREAM_NAME, STREAM_SUBJECTS } from './subjects.ts';

/** What behaviour 2.1 fixes; everything else is the server's default, or the operator's choice on an existing stream. */
const WANTED = {
  subjects: [...STREAM_SUBJECTS],
  retention: RetentionPolicy.Limits,
  max_msgs_per_subject: MAX_EVENTS_PER_SUBJECT,
  max_age: nanos(MAX_EVENT_AGE_MS),
  compression: StoreCompression.S2,
} satisfies Partial<StreamConfig>;

/** Where the stream stands. Creates it when it is missing. Rejects when the server can't be asked. */
export async function streamState(session: NatsSession, logger: Logger): Promise<BrokerState> {
  return toState((await findStream(session)) ?? (await ensureStream(session, logger)));
}

/** Creates the stream, or corrects an existing one in what behaviour 2.1 fixes. */
export async function ensureStream(session: NatsSession, logger: Logger): Promise<StreamInfo> {
  const { streams } = session.jsm;
  const present = await findStream(session);
  if (present === undefined) {
    logger.info({ stream: STREAM_NAME }, 'creating the stream of events');
    return await within(session, streams.add({ name: STREAM_NAME, storage: StorageType.File, ...WANTED }));
  }
  if (isWanted(present.config)) return present;
  logger.info({ stream: STREAM_NAME }, 'updating the stream of events');
  return await within(session, streams.update(STREAM_NAME, WANTED));
}

/** The stream as it is; undefined when there is none. Changes nothing. */
export async function findStream(session: NatsSession): Promise<StreamInfo | undefined> {
  try {
    return await within(session, session.jsm.streams.info(STREAM_NAME));
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}

/** The server refuses to change how a stream retains, so that alone is no reason to try. */
function isWanted(config: StreamConfig): boolean {
  return streamDifferences(config).every(({ setting }) => setting === 'retention');
}

/** A setting of an existing stream that is not as behaviour 2.1 fixes it, as JSON texts. */
export interface StreamDifference {
  readonly setting: keyof typeof WANTED;
  readonly found: string;
  readonly wanted: string;
}

/** In what the stream is not as wanted. */
export function streamDifferences(config: StreamConfig): StreamDifference[] {
  const found = { ...config, subjects: config.subjects?.toSorted() };
  const wanted = { ...WANTED, subjects: WANTED.subjects.toSorted() };
  return (Object.keys(WANTED) as (keyof typeof WANTED)[])
    .map((setting) => ({
      setting,
      found: JSON.stringify(found[setting]) ?? 'nothing',
      wanted: JSON.stringify(wanted[setting]),
    }))
    .filter((difference) => difference.found !== difference.wanted);
}

/** A new stream has no time of its own but that of its creation: that is its name. */
function toState({ created, state }: StreamInfo): BrokerState {
  return {
    epoch: created,
    first: state.messages === 0 ? state.last_seq + 1 : state.first_seq,
    last: state.last_seq,
  };
}
