import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import type { BroadcastSubject, StoredMessage } from '../events/broker.ts';
import { decodeWrapper } from '../events/codec.ts';
import { directSubject, roomSubject } from '../events/subjects.ts';
import {
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
  type Room,
} from '../gen/services/chat/v1/types_pb.ts';
import { encodeCursor } from './cursor.ts';
import type { StreamPosition } from './ports.ts';

/** Why a client must call InitialSync (extensions 3). */
export type ResyncReason = 'cursor_expired' | 'cursor_unknown' | 'overflow';

/** An event ready to be written: encoded once per codec, whatever the number of streams. */
export interface DeliveredEvent {
  readonly event: MessageEvent;
  /** Where the broker had it; undefined for what only this stream is told. */
  readonly subject: string | undefined;
  /** Binary MessageEvent. Made when first read, then kept. */
  readonly binary: Uint8Array;
  /** UTF-8 of the protobuf JSON, default values included. Made when first read, then kept. */
  readonly json: Uint8Array;
}

/** What {@link StreamEvent} carries beside the event. */
interface StreamEventParts {
  readonly event: MessageEvent;
  /** Undefined for what has no place in the history (typing). */
  readonly position: StreamPosition | undefined;
  /** Number of the event in its room; on a direct event the number after which the user sees the room. */
  readonly roomEvent?: number;
  /** The acting user. */
  readonly actor?: number;
  /** When it was committed, milliseconds since the epoch; undefined when nobody said. */
  readonly committedAt?: number | undefined;
  /** W3C `traceparent` under which it is delivered; undefined when it is not traced. */
  readonly traceContext?: string | undefined;
  /** About how many bytes it takes on its way, for the limits of queues. */
  readonly size?: number;
}

/** Bytes counted for what is not stored, and for the cursor. */
const SMALL_EVENT = 64;
const TYPING: BroadcastSubject = 'CHAT_TYPING';
const json = new TextEncoder();

/** An event with its place in the history. Shared by all streams; never changed after it was made. */
export class StreamEvent implements DeliveredEvent {
  readonly event: MessageEvent;
  readonly position: StreamPosition | undefined;
  readonly roomEvent: number;
  readonly actor: number;
  readonly committedAt: number | undefined;
  readonly traceContext: string | undefined;
  readonly size: number;
  #binary: Uint8Array | undefined;
  #json: Uint8Array | undefined;

  constructor({
    event,
    position,
    roomEvent = 0,
    actor = 0,
    committedAt,
    traceContext,
    size = SMALL_EVENT,
  }: StreamEventParts) {
    this.event = event;
    this.position = position;
    this.roomEvent = roomEvent;
    this.actor = actor;
    this.committedAt = committedAt;
    this.traceContext = traceContext;
    this.size = size;
    event.cursor = position === undefined ? '' : encodeCursor(position);
  }

  get binary(): Uint8Array {
    this.#binary ??= toBinary(MessageEventSchema, this.event);
    return this.#binary;
  }

  get json(): Uint8Array {
    this.#json ??= json.encode(toJsonString(MessageEventSchema, this.event, { alwaysEmitImplicit: true }));
    return this.#json;
  }

  /** 0 for what has no place in the history. */
  get sequence(): number {
    return this.position?.sequence ?? 0;
  }

  get roomId(): string {
    return this.event.roomId;
  }

  get subject(): string | undefined {
    if (this.roomId === '') return undefined;
    if (this.position === undefined) return TYPING;
    return this.joinedUser === undefined ? roomSubject(this.roomId) : directSubject(this.joinedUser);
  }

  /** The user on whose direct subject the event came. */
  get joinedUser(): number | undefined {
    const { event } = this.event;
    return event.case === 'roomJoin' ? event.value.userId : undefined;
  }

  /** Every recipient gets his own view of the room with it. */
  get needsRoom(): boolean {
    return this.event.event.case === 'roomJoin' || this.event.event.case === 'isRoomUpdated';
  }

  /** SENT tells the acting user's own devices; everybody else has the message itself. */
  get isForActorOnly(): boolean {
    const { event } = this.event;
    return event.case === 'statusUpdate' && event.value.status === MessageStatus.SENT;
  }

  /** The members that the event takes out of the room. */
  get leavers(): readonly number[] {
    const { event } = this.event;
    return event.case === 'roomLeave' ? event.value.usersId : [];
  }
}

/**
 * Reads what the broker stored. Undefined for what is not an event of ours: undecodable, without a number,
 * without a room, or on a subject that does not belong to its content.
 */
export function readStored(epoch: string, message: StoredMessage): StreamEvent | undefined {
  const wrapped = decodeWrapper(message.data);
  const { roomEvent, committedAt, traceContext, sequence, subject, data } = message;
  if (wrapped === undefined || roomEvent === undefined || wrapped.event.roomId === '') return undefined;
  const { event, userId: actor } = wrapped;
  const expected =
    event.event.case === 'roomJoin' ? directSubject(event.event.value.userId) : roomSubject(event.roomId);
  if (subject !== expected) return undefined;
  // Base64 takes four bytes for three.
  const size = Math.ceil(data.length * 0.75) + SMALL_EVENT;
  const position = { epoch, sequence };
  return new StreamEvent({ event, position, roomEvent, actor, committedAt, traceContext, size });
}

/** The heartbeat: the stream is complete up to `position`. */
export function connectedAt(position: StreamPosition): StreamEvent {
  const event = create(MessageEventSchema, { event: { case: 'connected', value: true } });
  return new StreamEvent({ event, position });
}

/** Tells the client that its state may lack something from before `position`. */
export function resyncAt(position: StreamPosition, reason: ResyncReason): StreamEvent {
  const event = create(MessageEventSchema, { event: { case: 'resyncRequired', value: { reason } } });
  return new StreamEvent({ event, position });
}

/** A typing event; it has no place in the history. */
export function typingEvent(event: MessageEvent, actor: number): StreamEvent {
  return new StreamEvent({ event, position: undefined, actor });
}

/** The same event with a recipient's view of the room. */
export function withRoom(source: StreamEvent, room: Room): StreamEvent {
  return new StreamEvent({ ...source, event: copyOf(source.event, room) });
}

/** The same event told at another point of the history. */
export function movedTo(source: StreamEvent, position: StreamPosition): StreamEvent {
  return new StreamEvent({ ...source, position, event: copyOf(source.event) });
}

/** Shallow: the content is shared. */
function copyOf({ roomId, eventId, event }: MessageEvent, room?: Room): MessageEvent {
  return create(MessageEventSchema, { roomId, eventId, event, ...(room === undefined ? {} : { room }) });
}
