import { type Broker, HistoryLostError, type StoredMessage } from '../events/broker.ts';
import { directSubject, roomSubject } from '../events/subjects.ts';
import { followAsMember } from './feed.ts';
import { Gate } from './gate.ts';
import type { StreamPosition } from './ports.ts';
import type { RecentEvents } from './recent-events.ts';
import { RoomOrder } from './room-order.ts';
import { type ResyncReason, readStored, type StreamEvent } from './stream-event.ts';

/** One chunk: enough to be worth a consumer, little enough to be held for a slow client. */
const MAX_EVENTS = 500;
const MAX_BYTES = 512 * 1024;
/** Messages before a cursor that a reader looks at, so that a repeat right after it is known as one. */
export const LOOK_BACK = 256;
/** Reads from the broker that run at once in this process. */
const CONCURRENCY = 16;

/** A proved part of the history: nothing that matches is missing between where it starts and `reached`. */
export interface Chunk {
  readonly events: readonly StreamEvent[];
  readonly reached: number;
}

/** What to read: from above `after`, up to and including `until`. */
export interface ChunkRequest {
  readonly epoch: string;
  readonly after: number;
  readonly until: number;
  readonly userId: number;
  readonly rooms: ReadonlySet<string>;
}

/**
 * The retained history for one client that catches up, in chunks.
 *
 * Invariants:
 * - A chunk is handed out only after it was proved: the broker still held everything above its start when it had been read,
 *   and no room's numbers have a hole. Otherwise the reason to resynchronise is handed out in its place.
 * - Nothing is held at the broker between two chunks, so that a slow client costs it nothing.
 */
export class HistoryReader {
  readonly #source: HistorySource;
  #order = new RoomOrder();
  #hasLookedBack = false;
  #isRetry = false;

  constructor(source: HistorySource) {
    this.#source = source;
  }

  /** The next chunk, or why there is none. Rejects when the broker can't be read. */
  async chunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk | ResyncReason> {
    const recent = this.#source.recent.since(request.after);
    if (recent !== undefined) return this.#fromRecent(recent, request);
    try {
      return await this.#source.gate.run(() => this.#fromBroker(request, signal));
    } catch (error) {
      if (!(error instanceof HistoryLostError)) throw error;
      const { epoch, after } = request;
      if (this.#isRetry || !(await isHeld(this.#source.broker, { epoch, sequence: after })))
        return 'cursor_unknown';
      this.#isRetry = true;
      this.#order = new RoomOrder();
      this.#hasLookedBack = false;
      return await this.chunk(request, signal);
    }
  }

  #fromRecent(recent: readonly StreamEvent[], { until, userId, rooms }: ChunkRequest): Chunk | ResyncReason {
    const events: StreamEvent[] = [];
    for (const event of recent) {
      if (event.sequence > until) break;
      if (!isOn(event, userId, rooms)) continue;
      if (events.length >= MAX_EVENTS) return { events, reached: event.sequence - 1 };
      const succession = this.#order.follow(event);
      if (event.joinedUser !== undefined) this.#order.skipTo(event.roomId, event.roomEvent);
      if (succession === 'gap') return 'cursor_expired';
      if (succession === 'next') events.push(event);
    }
    return { events, reached: until };
  }

  async #fromBroker(request: ChunkRequest, signal: AbortSignal): Promise<Chunk | ResyncReason> {
    const { epoch, after, until, userId, rooms } = request;
    const subjects = subjectsOf(userId, rooms);
    const start = this.#hasLookedBack ? after : Math.max(0, after - LOOK_BACK);
    const events: StreamEvent[] = [];
    let bytes = 0;
    let reached = after;
    let isWhole = true;
    const reading = new AbortController();
    const options = { after: start, until, subjects };
    for await (const batch of this.#source.broker.read(options, AbortSignal.any([signal, reading.signal]))) {
      for (const message of batch) {
        const event = this.#judge(epoch, message, after);
        if (event === 'gap') isWhole = false;
        if (event instanceof Object) {
          events.push(event);
          bytes += event.size;
        }
        reached = Math.max(reached, message.sequence);
      }
      if (events.length >= MAX_EVENTS || bytes >= MAX_BYTES || !isWhole) break;
    }
    reading.abort();
    this.#hasLookedBack = true;
    const isEnough = events.length >= MAX_EVENTS || bytes >= MAX_BYTES;
    if (!isWhole || !(await this.#source.broker.holdsAllAfter(after, subjects))) return 'cursor_expired';
    return { events, reached: isEnough ? reached : until };
  }

  /** The event, when it comes after the cursor and is the next one of its room. */
  #judge(epoch: string, message: StoredMessage, after: number): StreamEvent | 'gap' | 'skip' {
    const event = readStored(epoch, message);
    const succession = followAsMember(this.#order, message, event);
    if (message.sequence <= after || succession === 'repeat' || event === undefined) return 'skip';
    return succession === 'gap' ? 'gap' : event;
  }
}

/** Where history comes from: the newest events from memory, older ones from the broker. */
export interface HistorySource {
  readonly broker: Broker;
  readonly recent: RecentEvents;
  readonly gate: Gate;
}

/** The history as all streams of the process share it. */
export function historySource(broker: Broker, recent: RecentEvents): HistorySource {
  return { broker, recent, gate: new Gate(CONCURRENCY) };
}

/**
 * Whether the position is one of the broker's present history. A reader that was told that the history is lost asks,
 * because the broker may have meant the one before.
 */
export async function isHeld(broker: Broker, { epoch, sequence }: StreamPosition): Promise<boolean> {
  const state = await broker.state();
  return state.epoch === epoch && sequence <= state.last;
}

/** The subjects that a user's stream reads. */
export function subjectsOf(userId: number, rooms: ReadonlySet<string>): string[] {
  return [directSubject(userId), ...Array.from(rooms, roomSubject)];
}

function isOn({ joinedUser, roomId }: StreamEvent, userId: number, rooms: ReadonlySet<string>): boolean {
  return joinedUser === undefined ? rooms.has(roomId) : joinedUser === userId;
}
