import { createInbox, type Msg, nanos, type Subscription } from '@nats-io/transport-node';
import { pause } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { BrokerState, LiveHandler, StoredMessage } from './broker.ts';
import type { NatsLink, NatsSession } from './jetstream-connection.ts';
import { addConsumer, type Delivery, dropConsumer, toDelivery } from './jetstream-consumer.ts';
import { streamState } from './jetstream-stream.ts';

const HEARTBEAT_MS = 1_000;
const SILENCE_MS = 3 * HEARTBEAT_MS;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2_000;

/**
 * Follows the whole stream for the life of the process.
 *
 * The server pushes: what it has sent can't be discarded any more before it is read here, however busy one room is.
 *
 * Invariants:
 * - `#next` is the sequence that must come next. The consumer has no filter and the stream no holes but discarded messages, so
 *   any other sequence means that something was missed: `reset`, and on from there. What was handed over is never handed over again.
 * - A consumer is used for one session at most. Lost deliveries (a gap in the numbers of the consumer), silence, or the end of the
 *   session end it, and the next one starts at `#next`: nothing is missed as long as the stream holds it.
 * - Nothing of a new consumer is handed over before a look at the stream, made after the consumer was, has shown that it is the
 *   same incarnation and has not gone back. A client library's ordered consumer skips this, and after a loss of the server's storage
 *   goes on behind its old position: it misses the beginning of the new history.
 * - After a gap the last message seen is read again, and must be the same one: a stream that lost its end in a crash and was
 *   written again may be as long as before.
 */
export class JetStreamFollower {
  readonly #link: NatsLink;
  readonly #logger: Logger;
  readonly #handler: LiveHandler;
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<BrokerState>();
  readonly #running: Promise<void>;
  #epoch: string | undefined;
  #next = 0;
  /** The newest message handed over. */
  #seen: { readonly sequence: number; readonly storedAt: string } | undefined;

  constructor(link: NatsLink, logger: Logger, handler: LiveHandler) {
    this.#link = link;
    this.#logger = logger;
    this.#handler = handler;
    // Whoever never waits for the start must not end the process when there is none.
    this.#started.promise.catch(() => undefined);
    this.#running = this.#run();
  }

  /** Where it started; rejects when it was stopped before that. */
  get started(): Promise<BrokerState> {
    return this.#started.promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const stop = this.#stopping.signal;
    let retryMs = FIRST_RETRY_MS;
    while (!stop.aborted) {
      const session = await this.#link.whenUp(stop);
      if (session === undefined) break;
      try {
        await this.#followSession(session);
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        this.#logger.debug({ err: error }, 'following the stream failed, trying again');
        retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
      }
      await pause(retryMs * (0.5 + Math.random() / 2), stop);
    }
    this.#started.reject(new Error('stopped before the broker was reached'));
  }

  /** Follows with one consumer until it is lost. */
  async #followSession(session: NatsSession): Promise<void> {
    if (this.#epoch === undefined) this.#begin(await streamState(session, this.#logger));
    const start = Math.max(1, this.#seen?.sequence === this.#next - 1 ? this.#next - 1 : this.#next);
    const lost = Promise.withResolvers<void>();
    const push = new PushSubscription(
      session,
      (batch) => this.#receive(batch),
      () => lost.resolve(),
    );
    const end = AbortSignal.any([session.ended, this.#stopping.signal]);
    const lose = (): void => lost.resolve();
    end.addEventListener('abort', lose);
    try {
      await push.open(start).catch(async (error: unknown) => {
        // A missing stream is made again here; that it is another one shows now or at the next attempt.
        await streamState(session, this.#logger);
        throw error;
      });
      if (!this.#isSame(await streamState(session, this.#logger))) return;
      push.release();
      if (!end.aborted) await lost.promise;
    } finally {
      end.removeEventListener('abort', lose);
      await push.close();
    }
  }

  #begin(state: BrokerState): void {
    this.#moveTo(state);
    this.#started.resolve(state);
  }

  #moveTo(state: BrokerState): void {
    this.#epoch = state.epoch;
    this.#next = state.last + 1;
    this.#seen = undefined;
  }

  /** False when what comes next is not what was to come: the handler was reset, and another consumer is needed. */
  #isSame(state: BrokerState): boolean {
    if (state.epoch === this.#epoch && state.last + 1 >= this.#next && state.first <= this.#next) return true;
    this.#reset(state);
    return false;
  }

  #reset(state: BrokerState): void {
    this.#logger.warn({ expected: this.#next, ...state }, 'events were lost in the broker');
    this.#moveTo(state);
    this.#guard(() => this.#handler.reset(state));
  }

  /** Hands a batch over. False when the consumer can't be used any more. */
  #receive(deliveries: readonly Delivery[]): boolean {
    let batch: StoredMessage[] = [];
    for (const { message, storedAt } of deliveries) {
      if (message.sequence < this.#next) {
        if (this.#seen === undefined || message.sequence !== this.#seen.sequence) continue;
        if (storedAt === this.#seen.storedAt) continue;
        // Written again after a crash: start over at the stream's end, which the next look will tell.
        this.#hand(batch);
        this.#epoch = '';
        return false;
      }
      if (message.sequence > this.#next) {
        this.#hand(batch);
        batch = [];
        this.#reset({ epoch: this.#epoch ?? '', first: message.sequence, last: message.sequence - 1 });
      }
      batch.push(message);
      this.#next = message.sequence + 1;
      this.#seen = { sequence: message.sequence, storedAt };
    }
    this.#hand(batch);
    return true;
  }

  #hand(batch: readonly StoredMessage[]): void {
    if (batch.length > 0) this.#guard(() => this.#handler.messages(batch));
  }

  /** A handler's mistake must not end the connection that it is called from. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error({ err: error }, 'handling events failed');
    }
  }
}

/** One push consumer: checks that deliveries are complete, keeps them back until `release`. */
class PushSubscription {
  readonly #session: NatsSession;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #receive: (batch: readonly Delivery[]) => boolean;
  readonly #lose: () => void;
  readonly #silence: NodeJS.Timeout;
  #name: string | undefined;
  #queue: Delivery[] = [];
  #delivered = 0;
  #released = false;
  #lost = false;

  constructor(session: NatsSession, receive: (batch: readonly Delivery[]) => boolean, lose: () => void) {
    this.#session = session;
    this.#receive = receive;
    this.#lose = () => {
      this.#lost = true;
      lose();
    };
    this.#subscription = session.nc.subscribe(this.#inbox, { callback: (_error, msg) => this.#hear(msg) });
    this.#silence = setTimeout(this.#lose, SILENCE_MS);
  }

  async open(start: number): Promise<void> {
    const { name } = await addConsumer(this.#session, start, [], {
      deliver_subject: this.#inbox,
      flow_control: true,
      idle_heartbeat: nanos(HEARTBEAT_MS),
    });
    this.#name = name;
    this.#silence.refresh();
  }

  /** From now on deliveries are handed over. */
  release(): void {
    this.#released = true;
    this.#flush();
  }

  async close(): Promise<void> {
    clearTimeout(this.#silence);
    this.#lost = true;
    if (this.#session.nc.isClosed()) return;
    this.#subscription.unsubscribe();
    if (this.#name !== undefined) await dropConsumer(this.#session, this.#name);
  }

  #hear(msg: Msg): void {
    if (this.#lost) return;
    this.#silence.refresh();
    const delivery = toDelivery(msg);
    if (delivery === undefined) this.#hearNote(msg);
    else this.#add(delivery);
  }

  #add(delivery: Delivery): void {
    this.#delivered += 1;
    if (delivery.delivery !== this.#delivered) this.#lose();
    this.#queue.push(delivery);
    // All messages of one read of the socket become one batch.
    if (this.#queue.length === 1 && this.#released) queueMicrotask(() => this.#flush());
  }

  /** A heartbeat tells how many were delivered; a request for flow control wants an answer; anything else ends the consumer. */
  #hearNote({ headers, reply }: Msg): void {
    const { nc } = this.#session;
    const last = headers?.get('Nats-Last-Consumer') ?? '';
    if (headers?.code !== 100 || (last !== '' && Number(last) !== this.#delivered)) this.#lose();
    const flowControl = reply || headers?.get('Nats-Consumer-Stalled');
    if (flowControl && !nc.isDraining() && !nc.isClosed()) nc.publish(flowControl);
  }

  #flush(): void {
    const batch = this.#queue;
    this.#queue = [];
    if (!this.#lost && batch.length > 0 && !this.#receive(batch)) this.#lose();
  }
}
