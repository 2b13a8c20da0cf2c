import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node';
import { pause } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import { HistoryLostError, type StoredMessage } from './broker.ts';
import type { NatsLink, NatsSession } from './jetstream-connection.ts';
import { addConsumer, type Delivery, dropConsumer, toDelivery } from './jetstream-consumer.ts';
import { streamState } from './jetstream-stream.ts';
import { STREAM_NAME } from './subjects.ts';

/**
 * The server compares all filters of a consumer with each other: 256 cost it some 10 ms, 1,000 already 170 and 2,000 a second
 * (nats-server 2.15). With more subjects everything is read and sorted out here.
 */
const MAX_FILTERS = 256;
const BATCH = 256;
const EXPIRES_MS = 10_000;
const HEARTBEAT_MS = 2_000;
/** Nothing heard for so long, not even a heartbeat: the consumer is gone. */
const SILENCE_MS = 3 * HEARTBEAT_MS;
const RETRY_MS = 250;

/** What a reader needs, and which incarnation of the history it was asked for (undefined: whichever it meets first). */
export interface ReaderDeps {
  readonly link: NatsLink;
  readonly logger: Logger;
  readonly epoch: string | undefined;
}

/** See `Broker.read`. */
export interface ReadOptions {
  readonly after: number;
  readonly until?: number;
  readonly subjects: readonly string[];
}

/**
 * Reads the history with a consumer of its own, which is opened again at the present position whenever it is lost.
 *
 * Invariants:
 * - One request for at most {@link BATCH} messages is open at a time, and only when all before it were handed over: a slow
 *   reader holds no more than that.
 * - Each opening is followed by a look at the stream: never a message of another incarnation.
 */
export async function* readHistory(
  deps: ReaderDeps,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncIterable<readonly StoredMessage[]> {
  const wanted = new Set(options.subjects);
  if (wanted.size === 0 && options.until !== undefined) return;
  const position: Position = { after: options.after, epoch: deps.epoch };
  while (!signal.aborted) {
    const session = await deps.link.whenUp(signal);
    if (session === undefined) return;
    try {
      if (yield* readSession(deps.logger, session, position, { wanted, until: options.until }, signal))
        return;
    } catch (error) {
      if (error instanceof HistoryLostError) throw error;
      deps.logger.debug({ err: error }, 'reading the history failed, trying again');
    }
    await pause(RETRY_MS, signal);
  }
}

/** Where a reader is; moves forward over all its consumers. */
interface Position {
  after: number;
  epoch: string | undefined;
}

interface Selection {
  readonly wanted: ReadonlySet<string>;
  readonly until: number | undefined;
}

/** Reads with one consumer; true when all was read, false when the consumer was lost. */
async function* readSession(
  logger: Logger,
  session: NatsSession,
  position: Position,
  { wanted, until }: Selection,
  signal: AbortSignal,
): AsyncGenerator<readonly StoredMessage[], boolean> {
  const filters = wanted.size > MAX_FILTERS ? [] : [...wanted];
  const verify = async (): Promise<void> => {
    const state = await streamState(session, logger);
    position.epoch ??= state.epoch;
    if (state.epoch !== position.epoch || state.last < Math.max(position.after, until ?? 0))
      throw new HistoryLostError();
  };
  const consumer = await addConsumer(session, position.after + 1, filters).catch(async (error: unknown) => {
    await verify();
    throw error;
  });
  const puller = new Puller(session, consumer.name);
  try {
    await verify();
    let pending = consumer.num_pending;
    while (until === undefined || pending > 0) {
      const deliveries = await puller.take(until === undefined ? undefined : pending, signal);
      const last = deliveries.at(-1);
      if (last === undefined) return signal.aborted;
      const batch = deliveries
        .map((delivery) => delivery.message)
        .filter((message) => wanted.has(message.subject));
      const inside = until === undefined ? batch : batch.filter((message) => message.sequence <= until);
      if (inside.length > 0) yield inside;
      position.after = last.message.sequence;
      pending = last.pending;
      if (until !== undefined && position.after >= until) return true;
    }
    return true;
  } finally {
    puller.close();
    await dropConsumer(session, consumer.name);
  }
}

/** Asks a pull consumer for messages. */
class Puller {
  readonly #session: NatsSession;
  readonly #consumer: string;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  /** Runs while `take` waits. */
  #silence: NodeJS.Timeout | undefined;
  #queue: Delivery[] = [];
  /** Messages that the open request may still bring. */
  #expected = 0;
  #lost = false;
  #wake: () => void = () => undefined;
  readonly #end = (): void => {
    this.#lost = true;
    this.#wake();
  };

  constructor(session: NatsSession, consumer: string) {
    this.#session = session;
    this.#consumer = consumer;
    this.#subscription = session.nc.subscribe(this.#inbox, { callback: (_error, msg) => this.#hear(msg) });
    session.ended.addEventListener('abort', this.#end, { once: true });
  }

  /** What has come, at least one message; nothing when the consumer is lost or the signal aborts. `available`: take no more, and don't wait for more to be stored. */
  async take(available: number | undefined, signal: AbortSignal): Promise<Delivery[]> {
    if (this.#queue.length === 0 && this.#expected === 0) this.#request(available);
    signal.addEventListener('abort', this.#end, { once: true });
    this.#silence = setTimeout(this.#end, SILENCE_MS);
    while (this.#queue.length === 0 && !this.#lost && !signal.aborted) {
      if (this.#expected === 0) {
        if (available !== undefined) break;
        this.#request(undefined);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    clearTimeout(this.#silence);
    signal.removeEventListener('abort', this.#end);
    const taken = this.#queue;
    this.#queue = [];
    return taken;
  }

  close(): void {
    this.#session.ended.removeEventListener('abort', this.#end);
    if (!this.#session.nc.isClosed()) this.#subscription.unsubscribe();
  }

  #request(available: number | undefined): void {
    this.#expected = Math.min(BATCH, available ?? BATCH);
    const wait = { expires: EXPIRES_MS * 1e6, idle_heartbeat: HEARTBEAT_MS * 1e6 };
    const request = { batch: this.#expected, ...(available === undefined ? wait : { no_wait: true }) };
    const subject = `${this.#session.api}.CONSUMER.MSG.NEXT.${STREAM_NAME}.${this.#consumer}`;
    try {
      this.#session.nc.publish(subject, JSON.stringify(request), { reply: this.#inbox });
    } catch {
      this.#end();
    }
  }

  #hear(msg: Msg): void {
    this.#silence?.refresh();
    const delivery = toDelivery(msg);
    if (delivery === undefined) {
      this.#hearNote(msg.headers?.code);
    } else {
      this.#expected -= 1;
      this.#queue.push(delivery);
    }
    this.#wake();
  }

  /** 100 is a heartbeat; 404 and 408 end a request that brought less than was asked for; anything else ends the consumer. */
  #hearNote(code: number | undefined): void {
    if (code === 404 || code === 408) this.#expected = 0;
    else if (code !== 100) this.#lost = true;
  }
}
