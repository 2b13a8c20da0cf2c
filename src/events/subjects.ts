/** The JetStream stream that retains events (behaviour 2.1). */
export const STREAM_NAME = 'CHAT_EVENTS';
/** What the stream stores. */
export const STREAM_SUBJECTS = ['CHAT_EVENTS.*', 'CHAT_DIRECT_EVENTS.*'] as const;
/** Events kept per subject; older ones are discarded. */
export const MAX_EVENTS_PER_SUBJECT = 1000;
/** How long an event is kept, milliseconds. */
export const MAX_EVENT_AGE_MS = 7 * 24 * 3_600_000;
/** Broker header that carries {@link OutboxEvent.roomEvent} as decimal text. */
export const ROOM_EVENT_HEADER = 'Chat-Room-Event';

/** Broker header that carries when the event was committed, milliseconds since the epoch as decimal text. */
export const COMMITTED_AT_HEADER = 'Chat-Committed-At';

/** Broker header that carries the trace to which an event belongs, as W3C Trace Context spells it. */
export const TRACE_HEADER = 'traceparent';

/** Subject of every event of a room except `room_join`. */
export function roomSubject(roomId: string): string {
  return `CHAT_EVENTS.${roomId}`;
}

/** Subject of a user's own events (`room_join`). */
export function directSubject(userId: number): string {
  return `CHAT_DIRECT_EVENTS.${userId}`;
}
