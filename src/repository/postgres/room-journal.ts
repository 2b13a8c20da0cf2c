import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { v1 as uuidv1 } from 'uuid';
import type { SystemEvent, UserProfile } from '../../chat/types.ts';
import { directSubject, roomSubject } from '../../events/subjects.ts';
import {
  MessageDataSchema,
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
  RoomJoinEventSchema,
} from '../../gen/services/chat/v1/types_pb.ts';
import type { Notification } from '../../notifications/notifications.ts';
import type { Actor } from '../rooms-repository.ts';
import type { Sql } from './db.ts';

/** Which kinds of rows a transaction wrote for others to work on. */
export interface Announced {
  readonly events: boolean;
  readonly notifications: boolean;
}

/** A room whose row is locked by the running transaction. */
export interface LockedRoom {
  readonly id: string;
  readonly lastSequence: number;
  readonly lastEvent: number;
  /** The time of the change: taken under the lock, so that times of a room grow with its numbers. */
  readonly at: Date;
}

/** A system message, as a row of `room_message`; times are ISO text. */
export interface JournalMessage {
  readonly id: string;
  readonly room_id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly content: string;
  readonly type: string;
  readonly lifetime: string;
  readonly origin: string;
  readonly event: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** From where on a user sees a room. */
export interface JournalJoin {
  readonly userId: number;
  readonly sequence: number;
  readonly event: number;
}

/**
 * Collects what one transaction says about one locked room, in order, and writes it with few statements.
 * Numbers are given here: nobody else can, while the room is locked.
 */
export class RoomJournal {
  readonly #room: LockedRoom;
  readonly #actor: Actor;
  readonly #notifies: boolean;
  readonly #traceContext: string | undefined;
  readonly #messages: JournalMessage[] = [];
  readonly #outbox: OutboxRow[] = [];
  readonly #joins: JournalJoin[] = [];
  readonly #notifications: Notification[] = [];
  #sequence: number;
  #event: number;

  /** `traceContext`: W3C `traceparent` of the operation, for its events. */
  constructor(room: LockedRoom, actor: Actor, notifies: boolean, traceContext: string | undefined) {
    this.#room = room;
    this.#actor = actor;
    this.#notifies = notifies;
    this.#traceContext = traceContext;
    this.#sequence = room.lastSequence;
    this.#event = room.lastEvent;
  }

  /** A system message (behaviour 1.7) and its `message` event. */
  systemMessage(event: SystemEvent, content: string, sender: UserProfile): void {
    this.#sequence += 1;
    const id = uuidv1();
    const at = this.#room.at.toISOString();
    const frame = { id, event, content, lifetime: 'normal', origin: 'app', type: 'system_message' };
    this.#messages.push({
      ...frame,
      room_id: this.#room.id,
      sequence: this.#sequence,
      sender_id: sender.id,
      created_at: at,
      updated_at: at,
    });
    const value = create(MessageDataSchema, {
      ...frame,
      roomId: this.#room.id,
      sequence: this.#sequence,
      senderId: sender.id,
      senderName: sender.name,
      senderPhone: sender.phone,
      senderAvatar: sender.avatar,
      status: MessageStatus.SENT,
      createdAt: at,
      updatedAt: at,
    });
    this.event({ case: 'message', value });
  }

  /** An event on the room's subject. */
  event(event: MessageEvent['event']): void {
    this.#event += 1;
    this.#outbox.push(outboxRow(this.#room.id, roomSubject(this.#room.id), this.#event, event));
  }

  /** A `room_join` on the user's subject; from here on the user sees the room's events. */
  join(userId: number, joinedAt: string): void {
    const value = create(RoomJoinEventSchema, { userId, joinedAt, ownerUserId: this.#actor.userId });
    this.#joins.push({ userId, sequence: this.#sequence, event: this.#event });
    this.#outbox.push(
      outboxRow(this.#room.id, directSubject(userId), this.#event, { case: 'roomJoin', value }),
    );
  }

  notification(notification: Notification): void {
    if (this.#notifies) this.#notifications.push(notification);
  }

  /** The system messages, for a store of one's own. */
  get messages(): readonly JournalMessage[] {
    return this.#messages;
  }

  /** The joins, likewise. */
  get joins(): readonly JournalJoin[] {
    return this.#joins;
  }

  /** Whether the room's event counter moves; a `room_join` alone does not move it. */
  get movesEvents(): boolean {
    return this.#event > this.#room.lastEvent;
  }

  /** Writes everything; the last thing a transaction does with the room. */
  async write(tx: Sql): Promise<Announced> {
    await this.#writeMessages(tx);
    await this.#writeJoins(tx);
    return await this.announce(tx);
  }

  /** Writes what others work on, and the room's counters; all but messages and joins. */
  async announce(tx: Sql): Promise<Announced> {
    await this.#writeOutbox(tx);
    await this.#writeNotifications(tx);
    if (this.movesEvents) {
      await tx.query(
        `UPDATE room SET last_event = $2, last_sequence = $3, touched_at = $4,
           "lastMessageAt" = CASE WHEN last_sequence < $3 THEN $4 ELSE "lastMessageAt" END
         WHERE id = $1`,
        [this.#room.id, this.#event, this.#sequence, this.#room.at],
      );
    }
    return { events: this.#outbox.length > 0, notifications: this.#notifications.length > 0 };
  }

  async #writeMessages(tx: Sql): Promise<void> {
    if (this.#messages.length === 0) return;
    await tx.query(
      `INSERT INTO room_message
         (id, room_id, sequence, sender_id, content, type, lifetime, origin, event, created_at, updated_at)
       SELECT id, $1, sequence, $2, content, type, lifetime, origin, event, $3, $3
       FROM json_to_recordset($4::json) AS m
         (id uuid, sequence bigint, content text, type text, lifetime text, origin text, event text)`,
      [this.#room.id, this.#actor.userId, this.#room.at, JSON.stringify(this.#messages)],
    );
  }

  async #writeJoins(tx: Sql): Promise<void> {
    if (this.#joins.length === 0) return;
    await tx.query(
      `UPDATE room_member SET join_sequence = j.sequence, join_event = j.event
       FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS j (user_id, sequence, event)
       WHERE room_member.room_id = $1 AND room_member.user_id = j.user_id`,
      [
        this.#room.id,
        this.#joins.map(({ userId }) => userId),
        this.#joins.map(({ sequence }) => sequence),
        this.#joins.map(({ event }) => event),
      ],
    );
  }

  async #writeOutbox(tx: Sql): Promise<void> {
    if (this.#outbox.length === 0) return;
    await tx.query(
      `INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, payload, change_id, created_at, trace_context)
       SELECT event_id, subject, $1, room_event, $2, payload, (SELECT max(id) FROM scylla_change WHERE room_id = $1), $3, $8
       FROM unnest($4::uuid[], $5::text[], $6::bigint[], $7::bytea[]) WITH ORDINALITY
         AS o (event_id, subject, room_event, payload, n) ORDER BY n`,
      [
        this.#room.id,
        this.#actor.userId,
        this.#room.at,
        this.#outbox.map(({ eventId }) => eventId),
        this.#outbox.map(({ subject }) => subject),
        this.#outbox.map(({ roomEvent }) => roomEvent),
        this.#outbox.map(({ payload }) => payload),
        this.#traceContext ?? null,
      ],
    );
  }

  async #writeNotifications(tx: Sql): Promise<void> {
    if (this.#notifications.length === 0) return;
    await tx.query(
      `INSERT INTO notification_outbox (notification, client, due_at, created_at)
       SELECT n.value, $2::json, $3, $3 FROM json_array_elements($1::json) WITH ORDINALITY AS n (value, i) ORDER BY i`,
      [JSON.stringify(this.#notifications), JSON.stringify(this.#actor.client), this.#room.at],
    );
  }
}

/** The id and the stored form of an event of a room. */
export function encodeEvent(
  roomId: string,
  event: MessageEvent['event'],
): { readonly eventId: string; readonly payload: Buffer } {
  const eventId = randomUUID();
  const bytes = toBinary(MessageEventSchema, create(MessageEventSchema, { eventId, roomId, event }));
  return { eventId, payload: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

function outboxRow(
  roomId: string,
  subject: string,
  roomEvent: number,
  event: MessageEvent['event'],
): OutboxRow {
  return { ...encodeEvent(roomId, event), subject, roomEvent };
}

interface OutboxRow {
  readonly eventId: string;
  readonly subject: string;
  readonly roomEvent: number;
  readonly payload: Buffer;
}
