import { ChatError } from '../chat/errors.ts';
import { type Broker, HistoryLostError } from '../events/broker.ts';
import type { Logger } from '../logger.ts';
import { CatchUp, type CatchUpDeps, type Start } from './catch-up.ts';
import { ClientStream, type QueuedEvent } from './client-stream.ts';
import type { Enrichment } from './enrichment.ts';
import { pause } from './gate.ts';
import type { Hub, Subscriber } from './hub.ts';
import { LostRooms } from './lost-rooms.ts';
import { readOn } from './own-reader.ts';
import type { StreamPosition } from './ports.ts';
import { movedTo, type ResyncReason, type StreamEvent } from './stream-event.ts';
import type { StreamRequest } from './stream-request.ts';

/** Undelivered events from which on typing is not worth a place in the queue. */
const BUSY = 100;
/** How long a reader of its own waits for the feed to notice that the history is lost. */
const LOST_MS = 1_000;

/** What a session stands on; shared by all streams. */
export interface SessionDeps extends CatchUpDeps {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly enrichment: Enrichment;
  readonly logger: Logger;
  readonly heartbeatMs: number;
  readonly consumers: 'shared' | 'per-client';
  /** The heartbeat at a position; the same object for all streams that stand there. */
  readonly heartbeat: (position: StreamPosition) => StreamEvent;
  readonly written: (session: Session, position: StreamPosition) => void;
  /** So many events were written to a stream. */
  readonly delivered: (events: number) => void;
  /** The stream holds nothing any more. */
  readonly ended: (session: Session, error: ChatError | undefined) => void;
  /** The client knows that the stream ended, or is gone. Comes after `ended`. */
  readonly settled: (session: Session) => void;
}

/**
 * One open stream: what the hub, the replay and the clock do to it.
 *
 * Invariants:
 * - While `#catchUp` is set live events wait there; else they go to the queue, or to nobody when the stream reads itself.
 * - The queue's order is that of the history, and every event's cursor covers all before it.
 * - Live or replayed, what decides about an event is the stream's place in the hub's index at that moment.
 * - What is queued of a room that its user lost is forgotten a little later ({@link LostRooms}), the news of the loss excepted.
 * - Everything it holds hangs on `end`, which runs once.
 */
export class Session implements Subscriber {
  readonly request: StreamRequest;
  readonly out: ClientStream;
  readonly rooms = new Set<string>();
  readonly openedAt = Date.now();
  readonly readsItself: boolean;
  readonly #deps: SessionDeps;
  readonly #onAbort = (): void => this.out.abandon();
  #catchUp: CatchUp | undefined;
  #reading: AbortController | undefined;
  /** The room that the stream is limited to; null when it is not. Decided when the rooms are first known. */
  #onlyRoom: string | null | undefined;
  #done = 0;
  readonly #lost = new LostRooms();
  #heartbeatDue = 0;
  #isEnded = false;
  #isReplaced = false;

  /** Ends when `signal` aborts, if it has not aborted yet. */
  constructor(request: StreamRequest, signal: AbortSignal, deps: SessionDeps) {
    this.request = request;
    this.readsItself = deps.consumers === 'per-client';
    this.#deps = deps;
    this.out = new ClientStream({
      written: (position) => deps.written(this, position),
      delivered: deps.delivered,
      settled: () => {
        signal.removeEventListener('abort', this.#onAbort);
        this.end();
        deps.settled(this);
      },
    });
    signal.addEventListener('abort', this.#onAbort);
  }

  get userId(): number {
    return this.request.userId;
  }

  /** Its successor has taken over: what it still learns about its position is of no use. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /** Begins, or begins anew; what was queued stays. */
  begin(start: () => Promise<Start>): void {
    if (this.#isEnded) return;
    this.#stopRunning();
    this.#deps.hub.leaveAll(this);
    const run = new CatchUp(this, this.#deps);
    this.#catchUp = run;
    run.run(start).catch((error: unknown) => {
      if (this.#catchUp === run) this.#fail(error);
    });
  }

  restart(reason: ResyncReason): void {
    this.begin(() => Promise.resolve({ resync: reason }));
  }

  /** Ends it at once, with an error or as the client wished. */
  end(error?: ChatError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#stopRunning();
    this.#deps.hub.remove(this);
    this.#deps.ended(this, error);
    this.out.end(error);
  }

  /** Ends it because the same client opened another one. */
  replace(): void {
    this.#isReplaced = true;
    this.end(new ChatError('stream_replaced'));
  }

  /** Takes its place in the rooms of its user: in all, or only in the one asked for when that is one of them (behaviour 2.5). */
  enterRooms(memberships: ReadonlyMap<string, number>): void {
    const { roomId } = this.request;
    if (this.#onlyRoom === undefined) {
      this.#onlyRoom = roomId !== undefined && memberships.has(roomId) ? roomId : null;
    }
    for (const [room, after] of memberships) {
      if (this.#admits(room)) this.#deps.hub.enter(this, room, after);
    }
  }

  /** Appends an event, in the user's view where it needs one. */
  push(event: StreamEvent): void {
    this.out.push(this.#viewOf(event));
    this.out.flush();
  }

  /**
   * An event from the history. It is handed over when the user may see it. `decides`: its news about the user's rooms is news
   * to the hub too. Tells when the stream entered or left a room by it.
   */
  replayed(event: StreamEvent, decides: boolean): 'entered' | 'left' | undefined {
    const { hub } = this.#deps;
    const after = hub.seesAfter(this, event.roomId);
    if (event.joinedUser !== undefined) return this.#replayedJoin(event, after, decides);
    if (after === undefined || event.roomEvent <= after || this.#lost.forgets(event, Date.now()))
      return undefined;
    if (event.isForActorOnly && event.actor !== this.userId) return undefined;
    if (this.#catchUp === undefined) this.#deliver(event);
    else this.out.push(this.#viewOf(event));
    if (!event.leavers.includes(this.userId)) return undefined;
    hub.leave(this, event.roomId);
    return 'left';
  }

  /** All up to this sequence was `replayed`. */
  replayedUpTo(sequence: number): void {
    this.#done = sequence;
  }

  /** Everything that it may see up to this sequence is in the queue or behind it. */
  get done(): number {
    return this.#done;
  }

  /** The client has, or does not want, everything up to here: the place to which its client id comes back. */
  beginsAt(position: StreamPosition): void {
    this.#deps.written(this, position);
  }

  /** Everything up to `position` is in the queue; `waiting` comes next, then what the hub says. */
  goLive(position: number, waiting: readonly StreamEvent[]): void {
    const { epoch } = this.#deps.position();
    this.#catchUp = undefined;
    this.#done = position;
    this.out.push(this.#deps.heartbeat({ epoch, sequence: position }));
    this.#heartbeatDue = Date.now() + this.#deps.heartbeatMs;
    for (const event of waiting) {
      if (event.sequence > position && this.#stillSees(event)) this.out.push(this.#viewOf(event));
    }
    this.out.flush();
    if (this.readsItself) this.#readOn({ epoch, sequence: position });
  }

  live(event: StreamEvent): void {
    if (this.#catchUp !== undefined) this.#catchUp.live(event);
    else if (event.sequence > this.#done) this.#deliver(event);
  }

  joined(event: StreamEvent): void {
    // Before it has entered its rooms it knows nothing; the replay will meet the event.
    if (this.#catchUp?.isEntered === false) return;
    const { hub } = this.#deps;
    const after = hub.seesAfter(this, event.roomId);
    if (after !== undefined && after > event.roomEvent) return;
    if (this.#admits(event.roomId)) hub.enter(this, event.roomId, event.roomEvent);
    this.live(event);
  }

  left(event: StreamEvent): void {
    this.#lost.add(event.roomId, event.sequence, Date.now());
    if (this.readsItself) return;
    if (this.#catchUp === undefined) this.live(event);
    // The replay will not read the room any more: tell the loss now, at the point of the history that it has reached.
    else this.push(movedTo(event, { epoch: this.#deps.position().epoch, sequence: this.#done }));
  }

  notify(event: StreamEvent): void {
    if (this.#catchUp === undefined && this.out.undelivered < BUSY) this.push(event);
  }

  flush(): void {
    this.out.flush();
  }

  /** Does what is due. */
  tick(now: number): void {
    if (now >= this.request.expiresAt) {
      this.end(new ChatError('token_expired'));
      return;
    }
    this.#forgetLostRooms(now);
    // A client that has something to read sees from that that the stream lives.
    if (this.#catchUp !== undefined || now < this.#heartbeatDue || this.out.undelivered > 0) return;
    const { epoch, sequence } = this.#deps.position();
    const head = this.readsItself ? this.#done : Math.max(this.#done, sequence);
    this.#heartbeatDue = now + this.#deps.heartbeatMs;
    this.push(this.#deps.heartbeat({ epoch, sequence: head }));
  }

  #replayedJoin(event: StreamEvent, after: number | undefined, decides: boolean): 'entered' | undefined {
    const enters = this.#admits(event.roomId);
    // In a room that it does not follow the room view tells whether the join still holds.
    if (enters && after !== event.roomEvent) {
      if (!decides || (after !== undefined && after > event.roomEvent)) return undefined;
      this.#deps.hub.enter(this, event.roomId, event.roomEvent);
    }
    if (this.#catchUp === undefined) this.#deliver(event);
    else this.out.push(this.#viewOf(event));
    return enters && after === undefined ? 'entered' : undefined;
  }

  #admits(roomId: string): boolean {
    return typeof this.#onlyRoom !== 'string' || this.#onlyRoom === roomId;
  }

  #viewOf(event: StreamEvent): QueuedEvent {
    return event.needsRoom ? this.#deps.enrichment.request(event, this.userId) : event;
  }

  /** Appends a live event; a client too slow for it is cut off. */
  #deliver(event: StreamEvent): void {
    const { bufferEvents, bufferBytes } = this.#deps;
    if (this.out.isFull(bufferEvents, bufferBytes, event)) this.end(new ChatError('stream_overflow'));
    else this.out.push(this.#viewOf(event));
  }

  #stillSees({ joinedUser, roomId, roomEvent }: StreamEvent): boolean {
    const after = this.#deps.hub.seesAfter(this, roomId);
    if (joinedUser !== undefined) return !this.#admits(roomId) || after === roomEvent;
    return after !== undefined && roomEvent > after;
  }

  #forgetLostRooms(now: number): void {
    if (!this.#lost.isDue(now)) return;
    this.out.purge((event) => this.#lost.forgets(event, now) && !event.leavers.includes(this.userId));
    // Its own reader may still be on its way to the loss.
    this.#lost.settle(now, this.readsItself ? this.#done : Number.POSITIVE_INFINITY);
  }

  #readOn(position: StreamPosition): void {
    const reading = new AbortController();
    this.#reading = reading;
    readOn(this, this.#deps.broker, position, reading.signal).catch(async (error: unknown) => {
      if (!(error instanceof HistoryLostError)) return this.#fail(error);
      // The feed will find it out too, and then knows where the new history stands.
      await pause(LOST_MS, reading.signal);
      if (!reading.signal.aborted) this.restart('cursor_unknown');
    });
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    const { userId, clientId } = this.request;
    this.#deps.logger.error({ err: error, userId, clientId }, 'a stream could not go on');
    this.end(new ChatError('internal_server_error', { cause: error }));
  }

  #stopRunning(): void {
    this.#catchUp?.cancel();
    this.#catchUp = undefined;
    this.#reading?.abort();
    this.#reading = undefined;
  }
}
