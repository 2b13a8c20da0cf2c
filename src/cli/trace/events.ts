import { fromBinary } from '@bufbuild/protobuf';
import { decodeWrapper } from '../../events/codec.ts';
import type { RoomHistory } from '../../events/jetstream-trace.ts';
import { type MessageEvent, MessageEventSchema, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import type { WaitingEntry } from '../../repository/postgres/message-tracer.ts';

/** An event about one message. */
export interface MessageTraceEvent {
  /** Number in its room; undefined when another producer made it. */
  readonly roomEvent: number | undefined;
  /** `message` is what was sent; `status_update READ by user 7` and the like what became of it. */
  readonly kind: string;
  /** When it was stored there. */
  readonly at: Date;
  /** In the broker; undefined in the outbox. */
  readonly sequence: number | undefined;
}

/** The kind of the event that tells what was sent. */
export const SENT = 'message';

/** Events about the message among what waits to be published. */
export function waitingEvents(entries: readonly WaitingEntry[], messageId: string): MessageTraceEvent[] {
  return entries.flatMap(({ roomEvent, createdAt: at, messageId: sent, payload }) => {
    const common = { at, sequence: undefined };
    if (sent === messageId) {
      return [
        { ...common, roomEvent, kind: 'status_update SENT' },
        { ...common, roomEvent: roomEvent + 1, kind: SENT },
      ];
    }
    const event = payload === undefined ? undefined : parse(payload);
    const kind = event === undefined ? undefined : kindOf(event, messageId);
    return kind === undefined ? [] : [{ ...common, roomEvent, kind }];
  });
}

/** Events about the message among what the broker holds. */
export function heldEvents({ events }: RoomHistory, messageId: string): MessageTraceEvent[] {
  return events.flatMap(({ data, roomEvent, sequence, storedAt: at }) => {
    const wrapped = decodeWrapper(data);
    const kind = wrapped === undefined ? undefined : kindOf(wrapped.event, messageId);
    return kind === undefined ? [] : [{ roomEvent, kind, at, sequence }];
  });
}

/** What the event says about the message; undefined when it is about something else. */
function kindOf({ event }: MessageEvent, messageId: string): string | undefined {
  switch (event.case) {
    case 'message':
      return event.value.id === messageId ? SENT : undefined;
    case 'updateMessage':
      return event.value.id === messageId ? 'update_message' : undefined;
    case 'deleteMessage':
      return event.value === messageId ? 'delete_message' : undefined;
    case 'statusUpdate': {
      const { messageId: about, status, userId } = event.value;
      if (about !== messageId) return undefined;
      const by = status === MessageStatus.READ ? ` by user ${userId}` : '';
      return `status_update ${nameOf(status)}${by}`;
    }
    default:
      return undefined;
  }
}

function nameOf(status: MessageStatus): string {
  return Object.entries(MessageStatus).find(([, value]) => value === status)?.[0] ?? String(status);
}

function parse(payload: Uint8Array): MessageEvent | undefined {
  try {
    return fromBinary(MessageEventSchema, payload);
  } catch {
    return undefined;
  }
}
