import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import type { Broker } from '../../src/events/broker.ts';
import { encodeEvent } from '../../src/events/codec.ts';
import type { OutboxEvent } from '../../src/events/outbox.ts';
import { directSubject, roomSubject } from '../../src/events/subjects.ts';
import {
  MessageDataSchema,
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
  MessageStatusUpdateSchema,
  type Room,
  RoomSchema,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import type { StreamDirectory, StreamPosition, StreamPositions } from '../../src/streams/ports.ts';

/** An event of the model with where it went. */
export interface ModelEvent extends OutboxEvent {
  readonly roomId: string;
  /** Sequence in the broker; undefined until it was published. */
  sequence?: number;
  /** It was never published: a hole. */
  isLost?: boolean;
}

interface ModelRoom {
  lastEvent: number;
  /** Every membership there was: after which event it began, and with which it ended. */
  readonly spans: { readonly userId: number; readonly after: number; until?: number }[];
  readonly members: Map<number, number>;
}

/**
 * Acts like the chat and its outbox: keeps rooms with members and numbers their events under one "lock",
 * and publishes what happened later, in order. Is the directory and the store of positions too.
 */
export class ChatModel implements StreamDirectory, StreamPositions {
  broker: Broker;
  readonly log: ModelEvent[] = [];
  readonly stored = new Map<string, StreamPosition>();
  readonly removedUsers = new Set<number>();
  /** Users whose room view was asked for, in order. */
  readonly viewsAsked: number[] = [];
  /** So many of the next room views fail. */
  failingViews = 0;
  /** Answers about memberships wait for it. */
  hold: Promise<void> | undefined;
  membershipsAsked = 0;
  /** Turns of the event loop that an answer takes after it was made. */
  slowness = 0;
  #published = 0;
  readonly #rooms = new Map<string, ModelRoom>();

  constructor(broker: Broker) {
    this.broker = broker;
  }

  /** A room with these members, who see it from its first event on; nobody is told. */
  room(...members: number[]): string {
    const roomId = randomUUID();
    this.#rooms.set(roomId, {
      lastEvent: 0,
      spans: members.map((userId) => ({ userId, after: 0 })),
      members: new Map(members.map((id) => [id, 0])),
    });
    return roomId;
  }

  isMember(roomId: string, userId: number): boolean {
    return this.#room(roomId).members.has(userId);
  }

  /** The event after which the user sees the room now; undefined when he is no member. */
  now(roomId: string, userId: number): number | undefined {
    return this.#room(roomId).members.get(userId);
  }

  /** Whether the user was a member when the room's event `number` happened. */
  memberAt(roomId: string, userId: number, number: number): boolean {
    return this.#room(roomId).spans.some(
      (span) =>
        span.userId === userId && number > span.after && number <= (span.until ?? Number.POSITIVE_INFINITY),
    );
  }

  /** A message as SendMessage announces it: SENT, then the message. Returns the message's event id. */
  send(roomId: string, userId: number, content = 'hello'): string {
    const messageId = randomUUID();
    const status = { messageId, status: MessageStatus.SENT, updatedAt: '', userId, senderId: userId };
    this.#announce(roomId, userId, {
      case: 'statusUpdate',
      value: create(MessageStatusUpdateSchema, status),
    });
    return this.#announce(roomId, userId, {
      case: 'message',
      value: create(MessageDataSchema, { id: messageId, content }),
    });
  }

  /** One event for everybody. */
  touch(roomId: string, userId: number): string {
    return this.#announce(roomId, userId, { case: 'isRoomUpdated', value: true });
  }

  /** An event for everybody that needs no room view. */
  erase(roomId: string, userId: number): string {
    return this.#announce(roomId, userId, { case: 'deleteMessage', value: randomUUID() });
  }

  join(roomId: string, userId: number): string {
    const room = this.#room(roomId);
    room.members.set(userId, room.lastEvent);
    room.spans.push({ userId, after: room.lastEvent });
    const joined = create(MessageEventSchema, {
      event: { case: 'roomJoin', value: { userId, joinedAt: '' } },
    });
    return this.#record(roomId, directSubject(userId), userId, room.lastEvent, joined.event);
  }

  leave(roomId: string, userId: number): string {
    const room = this.#room(roomId);
    room.members.delete(userId);
    const span = room.spans.findLast((each) => each.userId === userId);
    if (span !== undefined) span.until = room.lastEvent + 1;
    const left = create(MessageEventSchema, { event: { case: 'roomLeave', value: { usersId: [userId] } } });
    return this.#announce(roomId, userId, left.event);
  }

  /** The next event of the room is lost on its way to the broker. */
  lose(roomId: string, userId: number): void {
    this.erase(roomId, userId);
    const lost = this.log.at(-1);
    if (lost !== undefined) lost.isLost = true;
  }

  /** Publishes what waits, oldest first. */
  async publish(limit = Number.POSITIVE_INFINITY): Promise<void> {
    const waiting = this.log.slice(this.#published, this.#published + limit);
    this.#published += waiting.length;
    for (let start = 0; start < waiting.length; start += 500)
      await this.#store(waiting.slice(start, start + 500));
  }

  /** Publishes one event again, as a dispatcher does that does not know that it was stored. */
  async repeat(event: ModelEvent): Promise<void> {
    await this.broker.publish([{ ...encodeEvent(event, Date.now()), id: randomUUID() }], 5_000);
  }

  async memberships(userId: number): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    for (const [roomId, { members }] of this.#rooms) {
      const after = members.get(userId);
      if (after !== undefined) found.set(roomId, after);
    }
    this.membershipsAsked += 1;
    await this.hold;
    await this.#linger();
    return found;
  }

  async roomView(userId: number, roomId: string): Promise<Room | undefined> {
    this.viewsAsked.push(userId);
    const view = this.isMember(roomId, userId)
      ? create(RoomSchema, { id: roomId, name: `for ${userId}` })
      : undefined;
    await this.#linger();
    if (this.failingViews > 0) {
      this.failingViews -= 1;
      throw new Error('no view today');
    }
    return view;
  }

  async activeUsers(userIds: readonly number[]): Promise<ReadonlySet<number>> {
    return new Set(userIds.filter((id) => !this.removedUsers.has(id)));
  }

  async load(userId: number, clientId: string): Promise<StreamPosition | undefined> {
    return this.stored.get(`${userId} ${clientId}`);
  }

  async save(
    positions: readonly (StreamPosition & { readonly userId: number; readonly clientId: string })[],
  ): Promise<void> {
    await this.#linger();
    for (const { userId, clientId, epoch, sequence } of positions) {
      this.stored.set(`${userId} ${clientId}`, { epoch, sequence });
    }
  }

  async #linger(): Promise<void> {
    for (let turns = this.slowness; turns > 0; turns -= 1) await turn();
  }

  #room(roomId: string): ModelRoom {
    const room = this.#rooms.get(roomId);
    if (room === undefined) throw new Error('no such room');
    return room;
  }

  #announce(roomId: string, userId: number, event: MessageEvent['event']): string {
    const room = this.#room(roomId);
    room.lastEvent += 1;
    return this.#record(roomId, roomSubject(roomId), userId, room.lastEvent, event);
  }

  #record(
    roomId: string,
    subject: string,
    userId: number,
    roomEvent: number,
    event: MessageEvent['event'],
  ): string {
    const eventId = randomUUID();
    const message = create(MessageEventSchema, { roomId, eventId, event });
    this.log.push({ eventId, roomId, subject, roomEvent, userId, event: message });
    return eventId;
  }

  async #store(events: readonly ModelEvent[]): Promise<void> {
    const kept = events.filter(({ isLost }) => isLost !== true);
    const { last } = await this.broker.state();
    const stored = await this.broker.publish(kept.map(encodeEvent), 10_000);
    if (stored !== kept.length) throw new Error('the broker did not take everything');
    // Nobody else publishes meanwhile, so the numbers follow each other.
    let sequence = last;
    for (const event of events) {
      if (event.isLost !== true) sequence += 1;
      event.sequence = sequence;
    }
  }
}
