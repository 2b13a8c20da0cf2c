import { randomUUID } from 'node:crypto';
import { AckPolicy, type ConsumerConfig, type ConsumerInfo, DeliverPolicy } from '@nats-io/jetstream';
import { type Msg, type MsgHdrs, nanos } from '@nats-io/transport-node';
import type { StoredMessage } from './broker.ts';
import { type NatsSession, within } from './jetstream-connection.ts';
import { COMMITTED_AT_HEADER, ROOM_EVENT_HEADER, STREAM_NAME, TRACE_HEADER } from './subjects.ts';

/** A server drops a consumer that nobody uses for so long, should the request to delete it be lost. */
const INACTIVE_MS = 30_000;

/** One message of a consumer, with what the server says about its place. */
export interface Delivery {
  readonly message: StoredMessage;
  /** 1, 2, 3 … in the consumer: a gap means that a delivery was lost on its way. */
  readonly delivery: number;
  /** When the server stored it, nanoseconds as text. */
  readonly storedAt: string;
  /** Messages that match and come after this one. */
  readonly pending: number;
}

/** A consumer of one reader, in the server's memory and without acknowledgements; it delivers from sequence `start` on. */
export async function addConsumer(
  session: NatsSession,
  start: number,
  filters: readonly string[],
  more: Partial<ConsumerConfig> = {},
): Promise<ConsumerInfo> {
  const config = {
    name: `chat-${randomUUID()}`,
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: start,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(INACTIVE_MS),
    ...(filters.length === 0 ? {} : { filter_subjects: [...filters] }),
    ...more,
  };
  return await within(session, session.jsm.consumers.add(STREAM_NAME, config));
}

/** Deletes a consumer; when that fails the server does it later. */
export async function dropConsumer(session: NatsSession, name: string): Promise<void> {
  if (session.ended.aborted) return;
  await within(session, session.jsm.consumers.delete(STREAM_NAME, name)).catch(() => undefined);
}

/** Reads a delivered message; undefined for the server's own notes (heartbeats, ends of a batch). */
export function toDelivery(msg: Msg): Delivery | undefined {
  // $JS.ACK.[domain.account.]stream.consumer.attempt.sequence.delivery.time.pending[.random]
  const parts = msg.reply?.split('.') ?? [];
  if (parts[0] !== '$JS' || parts[1] !== 'ACK' || parts.length < 9) return undefined;
  const [sequence, delivery, storedAt = '', pending] = parts.slice(parts.length === 9 ? 5 : 7);
  const message = {
    sequence: Number(sequence),
    subject: msg.subject,
    roomEvent: toRoomEvent(msg.headers),
    committedAt: numberIn(msg.headers, COMMITTED_AT_HEADER),
    traceContext: msg.headers?.get(TRACE_HEADER) || undefined,
    // Copied: the client's buffer holds a whole read of the socket and must not live as long as an event may.
    data: Uint8Array.from(msg.data),
  };
  return { message, delivery: Number(delivery), storedAt, pending: Number(pending) };
}

/** Number of the room event in a message's headers; undefined when there is none. */
export function toRoomEvent(headers: MsgHdrs | undefined): number | undefined {
  return numberIn(headers, ROOM_EVENT_HEADER);
}

function numberIn(headers: MsgHdrs | undefined, name: string): number | undefined {
  const text = headers?.get(name) ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
