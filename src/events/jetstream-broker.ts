import type { NatsConnection } from '@nats-io/transport-node';
import { aborted, pause } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type {
  BroadcastSubject,
  Broker,
  BrokerMessage,
  BrokerState,
  LiveHandler,
  StoredMessage,
} from './broker.ts';
import { NatsLink, type NatsOptions, type NatsSession } from './jetstream-connection.ts';
import { JetStreamFollower } from './jetstream-follower.ts';
import { holdsAllAfter, newestRoomEvent } from './jetstream-history.ts';
import { JetStreamPublisher } from './jetstream-publisher.ts';
import { type ReadOptions, readHistory } from './jetstream-reader.ts';
import { ensureStream, streamState } from './jetstream-stream.ts';

const BROADCAST_SUBJECTS: readonly BroadcastSubject[] = ['CHAT_TYPING', 'CHAT_WAKE', 'CHAT_STREAM_OPENED'];
/** How long a start waits for a server that is there. */
const START_MS = 2_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2_000;
/** How long a publish that only asks for an answer may take. */
const PROBE_MS = 1_500;
/** Who can't publish tries again more often than this, on whatever instance: an older refusal is no news. */
const REFUSAL_MS = 10_000;

/**
 * The broker on NATS JetStream, nats-server 2.10 or newer.
 * Starting never fails and takes at most two seconds: connecting and making the stream go on in the background for ever.
 */
export function createJetStreamBroker(options: NatsOptions): Broker {
  return new JetStreamBroker(options);
}

/**
 * Invariants:
 * - Each session begins with making sure of the stream, and so does each publish that found none; one attempt at a time.
 * - `#epoch` is the incarnation that a caller has seen last: what it asks next is about that one.
 */
class JetStreamBroker implements Broker {
  readonly #logger: Logger;
  readonly #link: NatsLink;
  readonly #publisher = new JetStreamPublisher();
  readonly #followers = new Set<JetStreamFollower>();
  readonly #listeners = new Map<string, Set<(data: Uint8Array) => void>>();
  readonly #stopping = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  #preparing: Promise<void> | undefined;
  #keeping: Promise<void> | undefined;
  #streamProblem: string | undefined;
  /** When a publish was last not stored as a whole, unless one was since. */
  #refusedAt: number | undefined;
  #epoch: string | undefined;

  constructor(options: NatsOptions) {
    this.#logger = options.logger;
    this.#link = new NatsLink(options, (nc) => this.#subscribe(nc));
  }

  async start(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await this.#link.start();
    this.#keeping ??= this.#keepStream();
    await Promise.race([this.#ready.promise, pause(START_MS, this.#stopping.signal)]);
  }

  async stop(deadline?: AbortSignal): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#followers].map((follower) => follower.stop()));
    await this.#link.stop(deadline);
    await this.#keeping;
  }

  async publish(messages: readonly BrokerMessage[], timeoutMs: number): Promise<number> {
    const { session } = this.#link;
    if (session === undefined) return 0;
    const { stored, missing } = await this.#publisher.publish(session, messages, timeoutMs);
    if (missing) await this.#prepare(session);
    this.#refusedAt = stored < messages.length ? Date.now() : undefined;
    return stored;
  }

  async lastRoomEvent(subject: string): Promise<number | undefined> {
    return await newestRoomEvent(this.#session(), subject);
  }

  async state(): Promise<BrokerState> {
    const state = await streamState(this.#session(), this.#logger);
    this.#epoch = state.epoch;
    return state;
  }

  async holdsAllAfter(after: number, subjects: readonly string[]): Promise<boolean> {
    return await holdsAllAfter(this.#session(), this.#logger, after, subjects);
  }

  read(options: ReadOptions, signal: AbortSignal): AsyncIterable<readonly StoredMessage[]> {
    const deps = { link: this.#link, logger: this.#logger, epoch: this.#epoch };
    return readHistory(deps, options, AbortSignal.any([signal, this.#stopping.signal]));
  }

  async follow(handler: LiveHandler): Promise<BrokerState> {
    const follower = new JetStreamFollower(this.#link, this.#logger, {
      messages: (batch) => handler.messages(batch),
      reset: (state) => {
        this.#epoch = state.epoch;
        handler.reset(state);
      },
    });
    this.#followers.add(follower);
    return await follower.started;
  }

  broadcast(subject: BroadcastSubject, data: Uint8Array): void {
    const nc = this.#link.session?.nc;
    if (nc !== undefined && !nc.isDraining() && !nc.isClosed()) nc.publish(subject, data);
  }

  onBroadcast(subject: BroadcastSubject, handler: (data: Uint8Array) => void): () => void {
    const listeners = this.#listeners.get(subject) ?? new Set();
    this.#listeners.set(subject, listeners);
    listeners.add(handler);
    return () => listeners.delete(handler);
  }

  async health(): Promise<string | undefined> {
    const { session } = this.#link;
    if (session === undefined) return this.#link.problem;
    try {
      await streamState(session, this.#logger);
      // An open socket proves nothing: a publish has to be answered, and real ones have to be stored.
      if (!(await this.#publisher.isAnswered(session, PROBE_MS)))
        return 'JetStream: publishing is not answered';
      if (Date.now() - (this.#refusedAt ?? 0) < REFUSAL_MS) return 'JetStream: events are not stored';
      return this.#streamProblem;
    } catch (error) {
      return streamProblem(error);
    }
  }

  #session(): NatsSession {
    const { session, problem } = this.#link;
    if (session === undefined) throw new Error(problem);
    return session;
  }

  #subscribe(nc: NatsConnection): void {
    this.#publisher.attach(nc);
    for (const subject of BROADCAST_SUBJECTS) {
      nc.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) this.#tell(subject, Uint8Array.from(message.data));
        },
      });
    }
  }

  #tell(subject: string, data: Uint8Array): void {
    for (const listener of this.#listeners.get(subject) ?? []) {
      try {
        listener(data);
      } catch (error) {
        this.#logger.error({ err: error, subject }, 'handling a broadcast failed');
      }
    }
  }

  /** Makes sure of the stream at the beginning of each session, for as long as it takes. */
  async #keepStream(): Promise<void> {
    const stop = this.#stopping.signal;
    for (
      let session = await this.#link.whenUp(stop);
      session !== undefined;
      session = await this.#link.whenUp(stop)
    ) {
      const end = AbortSignal.any([session.ended, stop]);
      for (let retryMs = FIRST_RETRY_MS; !end.aborted; retryMs = Math.min(LAST_RETRY_MS, retryMs * 2)) {
        await this.#prepare(session);
        if (this.#streamProblem === undefined) break;
        await pause(retryMs, end);
      }
      this.#ready.resolve();
      await aborted(end);
    }
  }

  async #prepare(session: NatsSession): Promise<void> {
    this.#preparing ??= this.#tryPrepare(session).finally(() => {
      this.#preparing = undefined;
    });
    await this.#preparing;
  }

  async #tryPrepare(session: NatsSession): Promise<void> {
    try {
      const { created } = await ensureStream(session, this.#logger);
      this.#epoch ??= created;
      this.#streamProblem = undefined;
    } catch (error) {
      const problem = streamProblem(error);
      if (problem !== this.#streamProblem)
        this.#logger.error({ err: error }, 'the stream of events is not usable');
      this.#streamProblem = problem;
    }
  }
}

function streamProblem(error: unknown): string {
  return `JetStream: ${error instanceof Error ? error.message : String(error)}`;
}
