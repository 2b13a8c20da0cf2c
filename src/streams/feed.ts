import type { Broker, BrokerState, StoredMessage } from '../events/broker.ts';
import { roomSubject } from '../events/subjects.ts';
import type { Logger } from '../logger.ts';
import type { StreamsHooks } from './hooks.ts';
import type { StreamPosition } from './ports.ts';
import { RoomOrder, type Succession } from './room-order.ts';
import { type ResyncReason, readStored, type StreamEvent } from './stream-event.ts';

/** What the feed hands on, in the order of the history, one call at a time. */
export interface FeedListener {
  /** The feed stands at its first position. */
  starts(): void;
  /** The next event; `number` is new in its room. Answers how many streams see it. */
  event(event: StreamEvent): number;
  /** Events of the room before the next one are missing. */
  gap(roomId: string): void;
  /** Everything up to the feed's position was handed on. */
  batchEnd(): void;
  /** The history does not continue; the feed stands at another position. */
  reset(reason: ResyncReason): void;
}

/**
 * The live history of the whole service, read once per instance.
 *
 * Invariants:
 * - Each message is decoded once; what can't be decoded is logged and dropped, but its number counts as seen.
 * - An event number of a room is handed on at most once, in rising order; a hole is reported before the event that shows it.
 * - `position` names the last message that was looked at. It is moved before the listener hears of the message.
 */
export class Feed {
  readonly #listener: FeedListener;
  readonly #logger: Logger;
  readonly #hooks: FeedHooks;
  readonly #order = new RoomOrder();
  #position: StreamPosition | undefined;
  #early: StoredMessage[] = [];
  /** Events of the present batch that belong to a trace, and how many streams see them. */
  #traced: { readonly event: StreamEvent; readonly streams: number }[] = [];
  #stopped = false;

  /** `hooks` hear of an event after the listener was through with its batch. */
  constructor(listener: FeedListener, logger: Logger, hooks: FeedHooks = {}) {
    this.#listener = listener;
    this.#logger = logger;
    this.#hooks = hooks;
  }

  /** Follows the broker from now on. Rejects when the broker can't be followed. */
  async start(broker: Broker): Promise<void> {
    const state = await broker.follow({
      messages: (batch) => this.#messages(batch),
      reset: (to) => this.#reset(to),
    });
    if (this.#position === undefined) {
      this.#position = toPosition(state);
      this.#listener.starts();
    }
    const early = this.#early;
    this.#early = [];
    this.#messages(early);
  }

  /** Hands on nothing any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Where the feed stands; undefined before it was started. */
  get position(): StreamPosition | undefined {
    return this.#position;
  }

  #messages(batch: readonly StoredMessage[]): void {
    if (this.#stopped || batch.length === 0) return;
    if (this.#position === undefined) {
      // Nothing can be told before the broker has said which history this is.
      this.#early.push(...batch);
      return;
    }
    const { epoch } = this.#position;
    const since = Date.now();
    const events: StreamEvent[] = [];
    for (const message of batch) {
      this.#position = { epoch, sequence: message.sequence };
      const event = this.#message(epoch, message);
      if (event !== undefined) events.push(event);
    }
    this.#listener.batchEnd();
    for (const { committedAt } of events) {
      if (committedAt !== undefined) this.#hooks.handedOver?.(Date.now() - committedAt);
    }
    if (this.#traced.length > 0) this.#tellTraced(since);
  }

  /** The event, when it was handed on. */
  #message(epoch: string, message: StoredMessage): StreamEvent | undefined {
    const event = readStored(epoch, message);
    if (event === undefined) {
      this.#logger.warn(
        { subject: message.subject, sequence: message.sequence },
        'dropped an event that is not ours',
      );
    }
    const succession = follow(this.#order, message, event);
    if (succession === 'repeat') return undefined;
    const roomId = roomOf(message.subject);
    if (succession === 'gap' && roomId !== undefined) {
      this.#logger.error(
        { roomId, roomEvent: message.roomEvent },
        'events of a room are missing in the live feed',
      );
      this.#listener.gap(roomId);
    }
    if (event !== undefined) this.#handOver(event);
    return event;
  }

  #handOver(event: StreamEvent): void {
    const streams = this.#listener.event(event);
    const isTraced = event.traceContext !== undefined && this.#hooks.traced !== undefined;
    // Every instance reads everything: who delivers it to nobody has nothing to tell.
    if (isTraced && streams > 0) this.#traced.push({ event, streams });
  }

  #tellTraced(since: number): void {
    for (const { event, streams } of this.#traced.splice(0)) {
      this.#hooks.traced?.(event, streams, since);
    }
  }

  #reset(state: BrokerState): void {
    if (this.#stopped) return;
    const reason = this.#position?.epoch === state.epoch ? 'cursor_expired' : 'cursor_unknown';
    this.#early = [];
    this.#position = toPosition(state);
    this.#order.clear();
    this.#logger.warn({ reason, sequence: state.last }, 'the live feed starts anew');
    this.#listener.reset(reason);
  }
}

/** How a stored message follows the others of its room; also for one that can't be decoded. */
function follow(order: RoomOrder, message: StoredMessage, event: StreamEvent | undefined): Succession {
  if (event !== undefined) return order.follow(event);
  const roomId = roomOf(message.subject);
  return roomId === undefined || message.roomEvent === undefined
    ? 'next'
    : order.next(roomId, message.roomEvent);
}

/**
 * The same for a reader that follows a room only while its user is in it: what happened before a join is no hole.
 */
export function followAsMember(
  order: RoomOrder,
  message: StoredMessage,
  event: StreamEvent | undefined,
): Succession {
  const succession = follow(order, message, event);
  if (event?.joinedUser !== undefined) order.skipTo(event.roomId, event.roomEvent);
  return succession;
}

const ROOM_PREFIX = roomSubject('');

function roomOf(subject: string): string | undefined {
  return subject.startsWith(ROOM_PREFIX) ? subject.slice(ROOM_PREFIX.length) : undefined;
}

type FeedHooks = Pick<StreamsHooks, 'handedOver' | 'traced'>;

function toPosition({ epoch, last }: BrokerState): StreamPosition {
  return { epoch, sequence: last };
}
