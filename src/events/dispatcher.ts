import type { Service } from '../lifecycle.ts';
import { aborted, pause } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Broker } from './broker.ts';
import type { Outbox, OutboxLease } from './outbox.ts';
import { OutboxPublisher } from './outbox-publisher.ts';

/**
 * Moves committed events from the outbox to the broker.
 *
 * Invariants:
 * - One dispatcher of the cluster is active: the one that holds the outbox's lease. The others try to take it every `standbyMs`,
 *   and at once when the active one says that it has let go.
 * - Entries are published in id order, a batch at a time, and an entry is removed only after the broker has acknowledged all of its events.
 *   What was not acknowledged is read and published again, with the same ids: at least once, and once within the broker's duplicate window.
 * - Beyond that window (an old entry, or one that a predecessor may have published) the broker is asked for the newest event of the room
 *   first. Events of a room have growing numbers, so one that is not above the newest was published before. A `room_join` on
 *   a direct subject has no such number: at worst it is published twice, with the same event id.
 * - What was read too long ago is not published but read again: a process that was suspended may have lost its lease without knowing.
 * - Being woken is only a hint. Reading every `pollMs` finds everything.
 * - An event that can't be encoded is logged and dropped; nothing else is ever dropped.
 */
export interface Dispatcher extends Service {
  /** What this process has done so far. */
  stats(): DispatcherStats;
}

/** Counters since the start. */
export interface DispatcherStats {
  /** Holds the lease. */
  readonly active: boolean;
  readonly published: number;
  /** Events that could not be read or encoded. */
  readonly dropped: number;
}

/** Hears what becomes of events, for metrics. */
export interface DispatcherHooks {
  /** A batch went to the broker. `types` are those of the acknowledged events; `failed`: not all of them were. */
  published?(batch: {
    readonly types: readonly string[];
    readonly failed: boolean;
    readonly ms: number;
  }): void;
  /** An event could not be read or encoded. */
  dropped?(): void;
}

/** What a dispatcher needs. Times in milliseconds. */
export interface DispatcherDeps {
  readonly outbox: Outbox;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly hooks?: DispatcherHooks;
  /** Undefined: nothing is traced; what others traced stays so. */
  readonly tracing?: Tracing | undefined;
  /** Longest time without looking into the outbox. Default 1000. */
  readonly pollMs?: number;
  /** Pause between attempts to become active. Default 400. */
  readonly standbyMs?: number;
  /** Entries read at once. Default 256. */
  readonly batch?: number;
  /** Age from which an entry may be beyond the broker's duplicate window. Default 60,000. */
  readonly oldAfterMs?: number;
}

const STOP_MS = 5_000;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 2_000;
/** What was read so long ago is read again before it is published. */
const STALE_READ_MS = 10_000;
/** A predecessor has published no more than this many batches without removing them: one, and late commits in between. */
const INHERITED_BATCHES = 2;
/** Hints to the active dispatcher elsewhere are at least so far apart. */
const HINT_MS = 5;
/** A hint that says so: the outbox is free. Empty ones say that it has entries. */
const RELEASED = Uint8Array.of(1);

/** Starts at once and becomes active when it can. Stopping publishes what is left, until the outbox is empty or the deadline (default 5 s). */
export function createDispatcher(deps: DispatcherDeps): Dispatcher {
  return new OutboxDispatcher(deps);
}

class OutboxDispatcher implements Dispatcher {
  readonly #deps: Required<Omit<DispatcherDeps, 'tracing'>>;
  readonly #publisher: OutboxPublisher;
  readonly #stopping = new AbortController();
  readonly #expired = new AbortController();
  readonly #unsubscribe: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #active = false;
  #woken = false;
  #wake: () => void = () => undefined;
  /** Aborts when the outbox is free. */
  #released = new AbortController();
  #hinted = false;
  #hintAgain = false;
  #failing = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = { pollMs: 1_000, standbyMs: 400, batch: 256, oldAfterMs: 60_000, hooks: {}, ...deps };
    this.#publisher = new OutboxPublisher({ ...this.#deps, tracing: deps.tracing });
  }

  async start(): Promise<void> {
    if (this.#stopping.signal.aborted || this.#running !== undefined) return;
    const { outbox, broker } = this.#deps;
    this.#unsubscribe.push(
      outbox.onCommit(() => this.#onCommit()),
      broker.onBroadcast('CHAT_WAKE', (data) => this.#onHint(data.length > 0)),
    );
    this.#running = this.#run();
  }

  async stop(deadline: AbortSignal = AbortSignal.timeout(STOP_MS)): Promise<void> {
    const expire = (): void => this.#expired.abort();
    deadline.addEventListener('abort', expire);
    this.#stopping.abort();
    this.#onHint();
    await Promise.race([this.#running, aborted(deadline).then(expire)]);
    deadline.removeEventListener('abort', expire);
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  stats(): DispatcherStats {
    const { published, dropped } = this.#publisher;
    return { active: this.#active, published, dropped };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const lease = await this.#acquire();
      if (lease !== undefined) await this.#serve(lease);
      await this.#standBy();
    }
  }

  /** Also what was released while this one was still trying counts. */
  async #standBy(): Promise<void> {
    await pause(this.#deps.standbyMs, AbortSignal.any([this.#released.signal, this.#stopping.signal]));
    this.#released = new AbortController();
  }

  async #acquire(): Promise<OutboxLease | undefined> {
    try {
      return await this.#deps.outbox.acquire();
    } catch (error) {
      this.#fail(error, 'the outbox can not be reached');
      return undefined;
    }
  }

  async #serve(lease: OutboxLease): Promise<void> {
    const { logger } = this.#deps;
    this.#active = true;
    logger.info('dispatching events');
    try {
      await this.#dispatch(AbortSignal.any([lease.lost, this.#expired.signal]));
    } finally {
      this.#active = false;
      if (lease.lost.aborted) logger.warn('the right to dispatch events was lost');
      await lease
        .release()
        .catch((error: unknown) => logger.warn({ err: error }, 'releasing the outbox failed'));
      // One that goes on would hear it too, and take at once what it has just lost.
      if (this.#stopping.signal.aborted) this.#deps.broker.broadcast('CHAT_WAKE', RELEASED);
    }
  }

  /** Publishes until `end`, or until the outbox is empty once the process is stopping. */
  async #dispatch(end: AbortSignal): Promise<void> {
    const { batch, pollMs } = this.#deps;
    let inherited = INHERITED_BATCHES;
    for (let backoffMs = FIRST_BACKOFF_MS; !end.aborted; ) {
      this.#woken = false;
      // Only a look that began after the stop shows that nothing is left.
      const stopping = this.#stopping.signal.aborted;
      const moved = await this.#moveBatch(inherited > 0, end);
      if (moved !== undefined && moved.left === 0) {
        inherited -= 1;
        backoffMs = FIRST_BACKOFF_MS;
        this.#recover();
        if (stopping && moved.removed === 0) return;
        if (moved.removed < batch) await this.#idle(pollMs, end);
      } else if (moved === undefined || moved.removed === 0) {
        await pause(backoffMs * (0.5 + Math.random() / 2), end);
        backoffMs = Math.min(LAST_BACKOFF_MS, backoffMs * 2);
      }
    }
  }

  /** Publishes and removes one batch; how many entries of it were removed and how many are left. Undefined after an error. */
  async #moveBatch(
    inherited: boolean,
    end: AbortSignal,
  ): Promise<{ readonly removed: number; readonly left: number } | undefined> {
    const { outbox, batch } = this.#deps;
    try {
      const readAt = Date.now();
      const entries = await outbox.read(batch);
      const mayPublish = (): boolean => !end.aborted && Date.now() - readAt < STALE_READ_MS;
      const done = await this.#publisher.publish(entries, inherited, mayPublish);
      if (done.length > 0) await outbox.remove(done);
      if (done.length < entries.length) this.#fail(undefined, 'the broker does not take events');
      return { removed: done.length, left: entries.length - done.length };
    } catch (error) {
      this.#fail(error, 'dispatching events failed');
      return undefined;
    }
  }

  #onCommit(): void {
    if (this.#active) this.#onHint();
    else if (this.#hinted) this.#hintAgain = true;
    else this.#hintOthers();
  }

  #hintOthers(): void {
    this.#deps.broker.broadcast('CHAT_WAKE', new Uint8Array());
    this.#hinted = true;
    this.#hintAgain = false;
    setTimeout(() => {
      this.#hinted = false;
      if (this.#hintAgain) this.#hintOthers();
    }, HINT_MS).unref();
  }

  /** An instance has committed something, or has let go of the outbox. */
  #onHint(released = false): void {
    this.#woken = true;
    this.#wake();
    if (released) this.#released.abort();
  }

  async #idle(ms: number, end: AbortSignal): Promise<void> {
    if (this.#woken) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(ms, AbortSignal.any([woken.signal, end, this.#stopping.signal]));
    this.#wake = () => undefined;
  }

  /** Logs the first failure of a row. */
  #fail(error: unknown, text: string): void {
    if (this.#failing || this.#stopping.signal.aborted) return;
    this.#failing = true;
    this.#deps.logger.error({ err: error }, text);
  }

  #recover(): void {
    if (this.#failing) this.#deps.logger.info('dispatching events again');
    this.#failing = false;
  }
}
