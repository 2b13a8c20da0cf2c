import type { FeedListener } from './feed.ts';
import type { RecentEvents } from './recent-events.ts';
import type { ResyncReason, StreamEvent } from './stream-event.ts';

/** A stream as the hub knows it. */
export interface Subscriber {
  readonly userId: number;
  /** The rooms that the hub has it in; changed by the hub only. */
  readonly rooms: Set<string>;
  /** Gets its events and its rooms' changes elsewhere; the hub only tells it what it must not miss. */
  readonly readsItself: boolean;
  /** The next event that it may see, in the order of the history. */
  live(event: StreamEvent): void;
  /** The event says that its user joined the room. It decides whether it enters the room; see {@link Hub.enter}. */
  joined(event: StreamEvent): void;
  /** The event took its user out of the room; the hub has let it go already, unless it reads itself. */
  left(event: StreamEvent): void;
  /** Something that has no place in the history; may be dropped. */
  notify(event: StreamEvent): void;
  /** Events may be missing: it must begin anew. */
  restart(reason: ResyncReason): void;
  /** Hands over what it was given since the last time. */
  flush(): void;
}

/**
 * Which stream is in which room: delivery of the live feed.
 *
 * Invariants:
 * - A stream gets an event of a room only if it is in the room and the event's number is above the one after which it entered.
 *   Membership events change that in the order of the history, so what follows a removal is never handed over.
 * - The hub never waits and reads nothing: per event and stream it calls one method, and per batch and stream it flushes once.
 * - A room without streams and a user without streams leave nothing behind.
 */
export class Hub implements FeedListener {
  /** Room → stream → number of the event after which it sees the room. */
  readonly #rooms = new Map<string, Map<Subscriber, number>>();
  readonly #users = new Map<number, Set<Subscriber>>();
  readonly #recent: RecentEvents;
  readonly #position: () => number;
  /** Streams that were given something in this batch. */
  readonly #touched = new Set<Subscriber>();
  /** Streams that see the present event, those that read it themselves included. */
  #seeing = 0;

  /** `position` tells the sequence at which the feed stands. */
  constructor(recent: RecentEvents, position: () => number) {
    this.#recent = recent;
    this.#position = position;
  }

  /** The stream hears of its user's joins from now on. */
  add(stream: Subscriber): void {
    const streams = this.#users.get(stream.userId) ?? new Set();
    this.#users.set(stream.userId, streams);
    streams.add(stream);
  }

  /** The stream hears nothing any more. */
  remove(stream: Subscriber): void {
    this.leaveAll(stream);
    this.#touched.delete(stream);
    const streams = this.#users.get(stream.userId);
    streams?.delete(stream);
    if (streams?.size === 0) this.#users.delete(stream.userId);
  }

  /** The stream gets the events of the room with a number above `after`. */
  enter(stream: Subscriber, roomId: string, after: number): void {
    const streams = this.#rooms.get(roomId) ?? new Map<Subscriber, number>();
    this.#rooms.set(roomId, streams);
    streams.set(stream, after);
    stream.rooms.add(roomId);
  }

  /** The stream gets nothing more of the room. */
  leave(stream: Subscriber, roomId: string): void {
    stream.rooms.delete(roomId);
    const streams = this.#rooms.get(roomId);
    streams?.delete(stream);
    if (streams?.size === 0) this.#rooms.delete(roomId);
  }

  leaveAll(stream: Subscriber): void {
    for (const roomId of stream.rooms) this.leave(stream, roomId);
  }

  /** The number after which the stream sees the room; undefined when it is not in it. */
  seesAfter(stream: Subscriber, roomId: string): number | undefined {
    return this.#rooms.get(roomId)?.get(stream);
  }

  /** The users with streams. */
  userIds(): number[] {
    return [...this.#users.keys()];
  }

  /** Streams of a user. */
  streamsOf(userId: number): ReadonlySet<Subscriber> {
    return this.#users.get(userId) ?? NONE;
  }

  /** To the streams in the room except those of the acting user. */
  typing(event: StreamEvent): void {
    this.#rooms.get(event.roomId)?.forEach((_, stream) => {
      if (stream.userId !== event.actor) stream.notify(event);
    });
  }

  starts(): void {
    this.#recent.clear(this.#position());
  }

  event(event: StreamEvent): number {
    this.#recent.add(event);
    this.#seeing = 0;
    const streams = this.#rooms.get(event.roomId);
    if (event.joinedUser !== undefined) this.#join(event, event.joinedUser);
    else if (streams === undefined) return 0;
    else if (event.leavers.length > 0) this.#leave(event, streams);
    else if (event.isForActorOnly) this.#toActor(event, streams);
    else this.#toRoom(event, streams);
    return this.#seeing;
  }

  /** Who is in a room with a hole may have missed that he was taken out of it: he begins anew. */
  gap(roomId: string): void {
    // Who was left before the hole has to read it from the broker, to see that it is one.
    this.#recent.clear(this.#position());
    for (const stream of [...(this.#rooms.get(roomId)?.keys() ?? [])]) {
      if (!stream.readsItself) stream.restart('cursor_expired');
    }
  }

  batchEnd(): void {
    for (const stream of this.#touched) stream.flush();
    this.#touched.clear();
  }

  reset(reason: ResyncReason): void {
    this.#recent.clear(this.#position());
    for (const streams of [...this.#users.values()]) {
      for (const stream of [...streams]) stream.restart(reason);
    }
  }

  #join(event: StreamEvent, userId: number): void {
    for (const stream of this.streamsOf(userId)) {
      this.#seeing += 1;
      if (stream.readsItself) continue;
      stream.joined(event);
      this.#touched.add(stream);
    }
  }

  #toRoom(event: StreamEvent, streams: ReadonlyMap<Subscriber, number>): void {
    const { roomEvent } = event;
    streams.forEach((after, stream) => {
      if (roomEvent > after) this.#give(stream, event);
    });
  }

  #toActor(event: StreamEvent, streams: ReadonlyMap<Subscriber, number>): void {
    for (const stream of this.streamsOf(event.actor)) {
      const after = streams.get(stream);
      if (after !== undefined && event.roomEvent > after) this.#give(stream, event);
    }
  }

  #leave(event: StreamEvent, streams: ReadonlyMap<Subscriber, number>): void {
    const leavers = new Set(event.leavers);
    for (const [stream, after] of [...streams]) {
      if (event.roomEvent <= after) continue;
      if (!leavers.has(stream.userId)) {
        this.#give(stream, event);
        continue;
      }
      this.#seeing += 1;
      if (!stream.readsItself) this.leave(stream, event.roomId);
      stream.left(event);
      this.#touched.add(stream);
    }
  }

  #give(stream: Subscriber, event: StreamEvent): void {
    this.#seeing += 1;
    if (stream.readsItself) return;
    stream.live(event);
    this.#touched.add(stream);
  }
}

const NONE: ReadonlySet<Subscriber> = new Set();
