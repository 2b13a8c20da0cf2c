import type { Logger } from '../logger.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Broker, BrokerMessage } from './broker.ts';
import { encodeEvent } from './codec.ts';
import type { DispatcherHooks } from './dispatcher.ts';
import type { OutboxEntry, OutboxEvent } from './outbox.ts';
import { tracePublish } from './publish-spans.ts';
import { roomSubject } from './subjects.ts';

const PUBLISH_TIMEOUT_MS = 5_000;
const ROOM_PREFIX = roomSubject('');

/** Brings batches of the outbox to the broker, and counts. See the dispatcher for what holds. */
export class OutboxPublisher {
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #oldAfterMs: number;
  readonly #hooks: DispatcherHooks;
  readonly #tracing: Tracing | undefined;
  /** What was logged as dropped and is still in the outbox, because something before it is: once is enough. */
  #reported = new Set<string>();
  #published = 0;
  #dropped = 0;

  constructor(deps: PublisherDeps) {
    this.#broker = deps.broker;
    this.#logger = deps.logger;
    this.#oldAfterMs = deps.oldAfterMs;
    this.#hooks = deps.hooks;
    this.#tracing = deps.tracing;
  }

  get published(): number {
    return this.#published;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Publishes the entries, unless `mayPublish` says no at the last moment, and answers the ids of those that are done: all their events
   * are acknowledged, or can never be published. `inherited`: a predecessor may have published them.
   */
  async publish(
    entries: readonly OutboxEntry[],
    inherited: boolean,
    mayPublish: () => boolean,
  ): Promise<number[]> {
    const isNew = await this.#newness(entries, inherited);
    const messages: BrokerMessage[] = [];
    const types: string[] = [];
    // How many messages must be stored for an entry to be done.
    const needed = entries.map((entry) => {
      const events = this.#encodeEntry(entry, isNew);
      messages.push(...events.map(({ message }) => message));
      types.push(...events.map(({ type }) => type));
      return events.length === 0 ? 0 : messages.length;
    });
    const stored = messages.length > 0 && mayPublish() ? await this.#publish(messages, types) : 0;
    this.#published += stored;
    if (stored === messages.length) this.#reported = new Set();
    return entries.filter((_entry, index) => (needed[index] ?? 0) <= stored).map((entry) => entry.id);
  }

  async #publish(messages: readonly BrokerMessage[], types: readonly string[]): Promise<number> {
    const startedAt = performance.now();
    const traced = this.#tracing && tracePublish(this.#tracing, messages, types);
    const stored = await this.#broker.publish(traced?.messages ?? messages, PUBLISH_TIMEOUT_MS);
    traced?.end(stored);
    this.#hooks.published?.({
      types: types.slice(0, stored),
      failed: stored < messages.length,
      ms: performance.now() - startedAt,
    });
    return stored;
  }

  /** Tells events that the broker holds already from others, asking it only about those that may be beyond its duplicate window. */
  async #newness(
    entries: readonly OutboxEntry[],
    inherited: boolean,
  ): Promise<(event: OutboxEvent) => boolean> {
    const old = Date.now() - this.#oldAfterMs;
    const subjects = new Set(
      entries
        .filter((entry) => inherited || entry.createdAt < old)
        .flatMap((entry) => entry.events.map((event) => event.subject))
        .filter((subject) => subject.startsWith(ROOM_PREFIX)),
    );
    const newest = new Map<string, number>();
    await Promise.all(
      [...subjects].map(async (subject) => {
        newest.set(subject, (await this.#broker.lastRoomEvent(subject)) ?? 0);
      }),
    );
    return (event) => event.roomEvent > (newest.get(event.subject) ?? -1);
  }

  #encodeEntry(entry: OutboxEntry, isNew: (event: OutboxEvent) => boolean): EncodedEvent[] {
    if (entry.events.length === 0) this.#drop({ entry: entry.id });
    const isLogged = this.#logger.isLevelEnabled('debug');
    return entry.events.filter(isNew).flatMap((event) => {
      try {
        const message = encodeEvent(event, entry.createdAt);
        const type = event.event.event.case ?? 'unknown';
        if (isLogged) this.#log(event, type);
        return [{ message, type }];
      } catch (error) {
        // The error's text may quote the event.
        const reason = error instanceof Error ? error.name : typeof error;
        this.#drop({ entry: entry.id, eventId: event.eventId, reason });
        return [];
      }
    });
  }

  /** Behaviour R18, but for the client id: an entry does not know by which client its user acted. */
  #log({ event, eventId, userId }: OutboxEvent, type: string): void {
    this.#logger.debug({ roomId: event.roomId, event: type, eventId, userId }, 'publishing an event');
  }

  #drop(what: { readonly entry: number; readonly eventId?: string; readonly reason?: string }): void {
    const key = `${what.entry} ${what.eventId}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#dropped += 1;
    this.#hooks.dropped?.();
    this.#logger.error(what, 'an event can not be read or encoded and is dropped');
  }
}

interface PublisherDeps {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly oldAfterMs: number;
  readonly hooks: DispatcherHooks;
  readonly tracing?: Tracing | undefined;
}

interface EncodedEvent {
  readonly message: BrokerMessage;
  readonly type: string;
}
