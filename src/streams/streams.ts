import { ChatError } from '../chat/errors.ts';
import type { Broker } from '../events/broker.ts';
import type { MessageEvent } from '../gen/services/chat/v1/types_pb.ts';
import type { Service } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { Start } from './catch-up.ts';
import { decodeCursor } from './cursor.ts';
import { Enrichment } from './enrichment.ts';
import { Feed } from './feed.ts';
import { aborted, Gate, pause } from './gate.ts';
import { historySource } from './history.ts';
import type { StreamBuffers, StreamsHooks } from './hooks.ts';
import { Hub } from './hub.ts';
import { Openings } from './openings.ts';
import type { StreamDirectory, StreamPosition, StreamPositions } from './ports.ts';
import { PositionsWriter } from './positions-writer.ts';
import { RecentEvents } from './recent-events.ts';
import { Session, type SessionDeps } from './session.ts';
import { connectedAt, type DeliveredEvent, type StreamEvent } from './stream-event.ts';
import { StreamRegistry } from './stream-registry.ts';
import type { StreamRequest } from './stream-request.ts';
import { Typing } from './typing.ts';

export type { DeliveredEvent } from './stream-event.ts';
export type { StreamRequest } from './stream-request.ts';

/** How often users with open streams are checked for removal. */
const USER_CHECK_MS = 1_000;
/** The longest time between two looks at the clock for all streams. */
const MAX_TICK_MS = 250;
/** Memberships that are loaded at once. */
const MEMBERSHIP_LOADS = 16;
/** How long `stop` waits for clients to take note of the end. */
const GOODBYE_MS = 1_000;
/** How long `start` waits for a broker that is away; the streams open as soon as it is back. */
const FOLLOW_MS = 2_000;
/** How long `stop` takes at most when it is given no deadline. */
const STOP_MS = 5_000;

/** The event streams of this instance (behaviour 2.5 to 2.9, extensions 3). */
export interface Streams extends Service {
  /**
   * Opens the caller's stream; it exists from the call on. Yields batches of events ready to be written; a batch counts as written when the
   * next one is asked for. Ends when `signal` aborts, and only that releases it for sure. Rejects with a ChatError: `too many connections`,
   * `stream_replaced`, `stream_overflow`, `token_expired`, `invalid_token` (the user was removed), `shutting_down`, `internal_server_error`.
   */
  open(request: StreamRequest, signal: AbortSignal): AsyncIterable<readonly DeliveredEvent[]>;
  /** Tells the other members' live streams, on all instances, that a user types or stopped. Never fails, never waits. */
  typing(roomId: string, userId: number, event: MessageEvent): void;
  /** How full the queues are now. */
  buffers(): StreamBuffers;
}

/** Limits and intervals. */
export interface StreamsSettings {
  readonly heartbeatMs: number;
  /** Undelivered events at which a slow client's stream ends; 1000. */
  readonly bufferEvents: number;
  /** The same in bytes; 1 MiB. */
  readonly bufferBytes: number;
  /** Client ids of one user with an open stream on this instance; 0: any number. Looked up for each stream, so it may change. */
  readonly maxStreamsPerUser: number;
  /** Whether live events come from the instance's one reader, or each stream has a reader of its own at the broker. */
  readonly consumers: 'shared' | 'per-client';
  /** Newest events that are kept in memory for clients that come back after a moment. Default 4096. */
  readonly recentEvents?: number;
}

/** What the streams stand on. The broker is started by its owner, before. */
export interface StreamsDeps {
  readonly broker: Broker;
  readonly directory: StreamDirectory;
  readonly positions: StreamPositions;
  readonly logger: Logger;
  readonly settings: StreamsSettings;
  readonly hooks?: StreamsHooks;
}

/** The streams over their ports. Nothing runs before `start`. */
export function createStreams(deps: StreamsDeps): Streams {
  return new LiveStreams(deps);
}

/**
 * Invariants:
 * - A stream is in the registry exactly while it is open, and in the hub at most as long.
 * - One timer serves the clocks of all streams.
 * - After `stop` began, no stream opens; when it resolves, every stream has ended and its position is stored, or could not be.
 */
class LiveStreams implements Streams {
  readonly #deps: StreamsDeps;
  readonly #recent: RecentEvents;
  readonly #hub: Hub;
  readonly #feed: Feed;
  readonly #registry: StreamRegistry;
  readonly #openings: Openings;
  readonly #typing: Typing;
  readonly #enrichment: Enrichment;
  readonly #writer: PositionsWriter;
  readonly #session: SessionDeps;
  /** Ended, but the client has not taken note yet. */
  readonly #unsettled = new Set<Session>();
  readonly #stopped = new AbortController();
  readonly #allSettled = Promise.withResolvers<void>();
  #state: 'new' | 'open' | 'stopped' = 'new';
  #timers: NodeJS.Timeout[] = [];
  #heartbeat: StreamEvent | undefined;
  #isChecking = false;
  #stopping: Promise<void> | undefined;

  constructor(deps: StreamsDeps) {
    const { broker, directory, logger, settings } = deps;
    this.#deps = deps;
    this.#recent = new RecentEvents(settings.recentEvents);
    this.#hub = new Hub(this.#recent, () => this.#position().sequence);
    this.#feed = new Feed(this.#hub, logger, deps.hooks);
    this.#registry = new StreamRegistry(settings);
    this.#openings = new Openings(broker, this.#registry);
    this.#typing = new Typing(broker, this.#hub);
    this.#enrichment = new Enrichment(directory, logger);
    this.#writer = new PositionsWriter(deps.positions, logger);
    this.#session = this.#sessionDeps();
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'open';
    const following = this.#feed.start(this.#deps.broker);
    following.catch((error: unknown) =>
      this.#deps.logger.error({ err: error }, 'the live feed did not start'),
    );
    await Promise.race([following, pause(FOLLOW_MS, this.#stopped.signal)]);
    // Stopped meanwhile.
    if (this.#stopped.signal.aborted) return;
    this.#openings.start();
    this.#typing.start();
    this.#writer.start();
    const tick = Math.max(1, Math.min(MAX_TICK_MS, this.#deps.settings.heartbeatMs / 4));
    this.#timers = [
      setInterval(() => this.#tick(), tick).unref(),
      setInterval(() => void this.#checkUsers(), USER_CHECK_MS).unref(),
    ];
  }

  stop(deadline?: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(deadline ?? AbortSignal.timeout(STOP_MS));
    return this.#stopping;
  }

  open(request: StreamRequest, signal: AbortSignal): AsyncIterable<readonly DeliveredEvent[]> {
    const session = new Session(request, signal, this.#session);
    this.#deps.hooks?.opened?.(request.platform);
    if (signal.aborted) session.out.abandon();
    else if (this.#state !== 'open') session.end(new ChatError('shutting_down'));
    else if (this.#feed.position === undefined) session.end(new ChatError('internal_server_error'));
    else this.#admit(session);
    return session.out;
  }

  typing(_roomId: string, userId: number, event: MessageEvent): void {
    this.#typing.send(userId, event);
  }

  buffers(): StreamBuffers {
    const { bufferEvents } = this.#deps.settings;
    let events = 0;
    let fullest = 0;
    for (const { out } of this.#registry.sessions()) {
      events += out.undelivered;
      fullest = Math.max(fullest, out.undelivered);
    }
    return { events, fill: Math.min(1, fullest / bufferEvents) };
  }

  #admit(session: Session): void {
    try {
      this.#registry.add(session);
    } catch (error) {
      session.end(
        error instanceof ChatError ? error : new ChatError('internal_server_error', { cause: error }),
      );
      return;
    }
    this.#hub.add(session);
    this.#openings.tell(session);
    session.begin(() => this.#startOf(session.request));
  }

  /** Where the stream begins: at its cursor, else where its client id was left, else now. */
  async #startOf({ userId, clientId, cursor }: StreamRequest): Promise<Start> {
    const from = cursor === undefined ? await this.#writer.load(userId, clientId) : decodeCursor(cursor);
    if (from === undefined) return cursor === undefined ? {} : { resync: 'cursor_unknown' };
    const here = this.#position();
    if (from.epoch === here.epoch && from.sequence <= here.sequence) return { after: from.sequence };
    // It may have been made by an instance that is ahead of this one.
    const { epoch, last } = await this.#deps.broker.state();
    if (from.epoch !== epoch || epoch !== this.#position().epoch || from.sequence > last) {
      return { resync: 'cursor_unknown' };
    }
    return { after: from.sequence };
  }

  #sessionDeps(): SessionDeps {
    const { broker, directory, logger, settings } = this.#deps;
    return {
      hub: this.#hub,
      broker,
      directory,
      enrichment: this.#enrichment,
      logger,
      history: historySource(broker, this.#recent),
      gate: new Gate(MEMBERSHIP_LOADS),
      heartbeatMs: settings.heartbeatMs,
      bufferEvents: settings.bufferEvents,
      bufferBytes: settings.bufferBytes,
      consumers: settings.consumers,
      position: () => this.#position(),
      heartbeat: (position) => this.#heartbeatAt(position),
      written: (session, position) => this.#written(session, position),
      delivered: (events) => this.#deps.hooks?.written?.(events),
      replayed: (events) => this.#deps.hooks?.replayed?.(events),
      resynced: (reason) => this.#deps.hooks?.resync?.(reason),
      ended: (session, error) => this.#ended(session, error),
      settled: (session) => this.#settled(session),
    };
  }

  #position(): StreamPosition {
    return this.#feed.position ?? { epoch: '', sequence: 0 };
  }

  #heartbeatAt({ epoch, sequence }: StreamPosition): StreamEvent {
    const last = this.#heartbeat;
    if (last?.sequence === sequence && last.position?.epoch === epoch) return last;
    this.#heartbeat = connectedAt({ epoch, sequence });
    return this.#heartbeat;
  }

  #written({ request, isReplaced }: Session, position: StreamPosition): void {
    if (!isReplaced) this.#writer.moved(request.userId, request.clientId, position);
  }

  #ended(session: Session, error: ChatError | undefined): void {
    this.#registry.remove(session);
    this.#unsettled.add(session);
    this.#deps.hooks?.ended?.(session.request.platform, error?.reason);
    // A moment later, so that many that end at once are stored at once.
    if (this.#state === 'open') setImmediate(() => void this.#writer.flush());
  }

  #settled(session: Session): void {
    this.#unsettled.delete(session);
    if (this.#state === 'stopped' && this.#unsettled.size === 0) this.#allSettled.resolve();
  }

  #tick(): void {
    const now = Date.now();
    for (const session of this.#registry.sessions()) session.tick(now);
  }

  async #checkUsers(): Promise<void> {
    const users = this.#registry.userIds();
    if (this.#isChecking || users.length === 0) return;
    this.#isChecking = true;
    try {
      this.#registry.keepOnly(await this.#deps.directory.activeUsers(users), users);
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'could not check for removed users');
    } finally {
      this.#isChecking = false;
    }
  }

  async #stop(deadline: AbortSignal): Promise<void> {
    this.#state = 'stopped';
    this.#stopped.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.#openings.stop();
    this.#typing.stop();
    this.#enrichment.stop();
    this.#feed.stop();
    for (const session of this.#registry.sessions()) session.end(new ChatError('shutting_down'));
    // What a client is being written now counts when it comes back for more.
    const patience = aborted(AbortSignal.any([deadline, AbortSignal.timeout(GOODBYE_MS)]));
    if (this.#unsettled.size > 0) await Promise.race([this.#allSettled.promise, patience]);
    await Promise.race([this.#writer.stop(), aborted(deadline)]);
  }
}
