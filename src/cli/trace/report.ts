import type { RoomHistory } from '../../events/jetstream-trace.ts';
import { MAX_EVENT_AGE_MS, MAX_EVENTS_PER_SUBJECT } from '../../events/subjects.ts';
import type { TracedMember, TracedMessage } from '../../repository/message-trace.ts';
import type { ClientPosition } from '../../repository/postgres/stream-positions.ts';
import { duration } from '../doctor/words.ts';
import { type MessageTraceEvent, SENT } from './events.ts';

/** Everything that is known of one message. */
export interface Trace {
  readonly message: TracedMessage;
  /** The store that has it. */
  readonly store: string;
  /** Its events that wait to be published. */
  readonly waiting: readonly MessageTraceEvent[];
  readonly broker: TracedBroker;
  readonly members: readonly TracedMember[];
  /** How many there are, shown or not. */
  readonly memberCount: number;
  readonly positions: readonly ClientPosition[];
}

/** What the broker says, or why it says nothing. */
export type TracedBroker =
  | { readonly history: RoomHistory; readonly events: readonly MessageTraceEvent[] }
  | { readonly unknown: string };

/** Events in the broker that are listed: each reader of a large room makes one. */
const SHOWN_EVENTS = 20;
const LABEL = 10;

/** The trace for people, at `now`. */
export function renderTrace(trace: Trace, now: Date): string {
  return [...messageLines(trace, now), ...eventLines(trace, now), ...memberLines(trace, now), '', NOTE].join(
    '\n',
  );
}

const NOTE = `Positions tell how far the server has written to a client. They are stored every 3 s while they move, so a connected
client may be further; they are forgotten after 7 days.`;

function messageLines({ message, store }: Trace, now: Date): string[] {
  const { id, type, roomId, sequence, senderId, senderMessageId, createdAt, isEdited, updatedAt, deletedAt } =
    message;
  const key = senderMessageId === undefined ? '' : `, sender_message_id ${senderMessageId}`;
  return [
    row('message', `${id}, ${type}`),
    row('room', `${roomId}, sequence ${sequence}`),
    row('sender', `user ${senderId}${key}`),
    row('stored', `${moment(createdAt, now)}, in ${store}`),
    ...(isEdited ? [row('edited', `last change ${moment(updatedAt, now)}`)] : []),
    ...(deletedAt === undefined ? [] : [row('deleted', moment(deletedAt, now))]),
  ];
}

function eventLines({ message, waiting, broker }: Trace, now: Date): string[] {
  const outbox =
    waiting.length === 0
      ? ['nothing of this message waits to be published']
      : waiting.map((event) => `waits: ${eventText(event, now)}`);
  return [...rows('outbox', outbox), ...rows('broker', brokerLines(message, waiting, broker, now))];
}

function brokerLines(
  message: TracedMessage,
  waiting: readonly MessageTraceEvent[],
  broker: TracedBroker,
  now: Date,
): string[] {
  if ('unknown' in broker) return [broker.unknown];
  const { history, events } = broker;
  const shown = events.slice(0, SHOWN_EVENTS).map((event) => eventText(event, now));
  const left = events.length - shown.length;
  return [
    ...shown,
    ...(left > 0 ? [`and ${left} more`] : []),
    ...(isSaid(events) ? [] : [whyMissing(message, waiting, history, now)]),
  ];
}

/** Why the broker does not hold what was sent. */
function whyMissing(
  { createdAt }: TracedMessage,
  waiting: readonly MessageTraceEvent[],
  { epoch, events }: RoomHistory,
  now: Date,
): string {
  if (isSaid(waiting)) return 'not published yet';
  if (now.getTime() - createdAt.getTime() > MAX_EVENT_AGE_MS)
    return 'published, and discarded: events are kept for 7 days';
  if (events.length >= MAX_EVENTS_PER_SUBJECT)
    return `published, and discarded: the room has had ${MAX_EVENTS_PER_SUBJECT} newer events, more are not kept`;
  if (createdAt < new Date(epoch))
    return `published, and lost: the broker's history began anew ${moment(new Date(epoch), now)}; clients resynchronise`;
  return 'not held: removed from the stream by hand or by another limit, or dropped ("an event can not be read or encoded" in the log)';
}

function memberLines(
  { message, waiting, broker, members, memberCount, positions }: Trace,
  now: Date,
): string[] {
  const ofUser = Map.groupBy(positions, ({ userId }) => userId);
  const shown =
    memberCount > members.length ? `${memberCount}, the first ${members.length} shown (--all)` : memberCount;
  const said = members.flatMap((member) => {
    const own = ofUser.get(member.userId) ?? [];
    const deliveries = own.map(
      (position) =>
        `    client ${position.clientId.slice(0, 36)}: ${deliveryOf(position, waiting, broker)} (${moment(position.updatedAt, now)})`,
    );
    return [
      `user ${member.userId}: ${memberText(message, member)}`,
      ...(deliveries.length > 0 ? deliveries : ['    no client has a remembered position']),
    ];
  });
  return [row('members', String(shown)), ...said.map((line) => row('', line))];
}

function memberText({ sequence, senderId }: TracedMessage, member: TracedMember): string {
  const { userId, isActive, joinSequence, readSequence, readAt } = member;
  const state = isActive ? 'active' : 'has left';
  const joined = joinSequence >= sequence ? ', joined after it: his streams do not get it' : '';
  if (userId === senderId) return `${state}, the sender${joined}`;
  const read =
    readSequence < sequence ? 'not read' : `read${readAt === undefined ? '' : ` at ${readAt.toISOString()}`}`;
  return `${state}, ${read}${joined}`;
}

/** Whether the server has written the message to that client, as far as anybody can tell. */
function deliveryOf(
  { epoch, sequence }: ClientPosition,
  waiting: readonly MessageTraceEvent[],
  broker: TracedBroker,
): string {
  if ('unknown' in broker) return `at ${sequence}, of which nothing is known`;
  const { history, events } = broker;
  if (epoch !== history.epoch) return 'in a history that is lost: it resynchronises when it comes back';
  const said = events.find(({ kind }) => kind === SENT)?.sequence;
  if (said === undefined && isSaid(waiting)) return 'not yet: it is not published';
  // What is no longer held came before the oldest event of the room that is, or else of the whole stream.
  const passed = said ?? (history.events[0]?.sequence ?? history.first) - 1;
  if (sequence >= passed) return `delivered (at ${sequence})`;
  if (sequence + 1 < history.first || said === undefined)
    return `at ${sequence}, older than what the broker holds: it resynchronises when it comes back`;
  const behind = passed - sequence;
  return `not yet: ${behind} ${behind === 1 ? 'event' : 'events'} behind (at ${sequence})`;
}

function isSaid(events: readonly MessageTraceEvent[]): boolean {
  return events.some(({ kind }) => kind === SENT);
}

function eventText({ roomEvent, kind, at, sequence }: MessageTraceEvent, now: Date): string {
  const place = sequence === undefined ? '' : `sequence ${sequence}, `;
  return `event ${roomEvent ?? 'without a number'}, ${kind}, ${place}${moment(at, now)}`;
}

/** In what is shown, ages of less than a moment are none. */
function moment(at: Date, now: Date): string {
  return `${at.toISOString()}, ${duration(Math.max(0, Math.round(now.getTime() - at.getTime())))} ago`;
}

function rows(label: string, texts: readonly string[]): string[] {
  return texts.map((text, index) => row(index === 0 ? label : '', text));
}

function row(label: string, text: string): string {
  return `${label.padEnd(LABEL)}${text}`;
}
