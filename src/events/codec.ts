import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type MessageEvent, MessageEventSchema } from '../gen/services/chat/v1/types_pb.ts';
import type { BrokerMessage } from './broker.ts';
import type { OutboxEvent } from './outbox.ts';

/** Largest wrapper that is published, bytes: what a NATS server takes by default, less room for headers. */
export const MAX_WRAPPER_BYTES = 1_000_000;

/** An event as other producers and consumers of the broker know it (behaviour 2.3). */
export interface WrappedEvent {
  /** The acting user. */
  readonly userId: number;
  readonly event: MessageEvent;
}

/** The broker message of an event that was committed at that time. Throws when the event can't be encoded or is larger than a broker takes. */
export function encodeEvent(
  { eventId, subject, roomEvent, userId, event, traceContext }: OutboxEvent,
  committedAt: number,
): BrokerMessage {
  return {
    id: eventId,
    subject,
    roomEvent,
    committedAt,
    traceContext,
    data: encodeWrapper({ userId, event }),
  };
}

/**
 * The JSON wrapper: an object with the keys `user_id` (number) and `payload` (padded base64 of the binary MessageEvent).
 * Also the form of a typing broadcast. Throws when the event can't be encoded or is too large.
 */
export function encodeWrapper({ userId, event }: WrappedEvent): Uint8Array {
  const payload = Buffer.from(toBinary(MessageEventSchema, event)).toString('base64');
  const data = Buffer.from(JSON.stringify({ user_id: userId, payload }));
  if (data.length > MAX_WRAPPER_BYTES) throw new RangeError(`event of ${data.length} bytes is too large`);
  return data;
}

/** Reads a wrapper, whoever produced it; undefined when it can't be decoded. Never throws. */
export function decodeWrapper(data: Uint8Array): WrappedEvent | undefined {
  try {
    const wrapper: unknown = JSON.parse(
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString(),
    );
    if (typeof wrapper !== 'object' || wrapper === null) return undefined;
    if (!('user_id' in wrapper) || !('payload' in wrapper)) return undefined;
    const { user_id: userId, payload } = wrapper;
    if (typeof userId !== 'number' || !Number.isInteger(userId) || typeof payload !== 'string')
      return undefined;
    const binary = Buffer.from(payload, 'base64');
    // The decoder skips what is not base64: only text that it would write itself is complete.
    if (binary.toString('base64') !== payload) return undefined;
    return { userId, event: fromBinary(MessageEventSchema, binary) };
  } catch {
    return undefined;
  }
}
