import packageJson from '../../package.json' with { type: 'json' };
import type { BreakerState } from '../breaker.ts';
import type { Dispatcher, DispatcherHooks } from '../events/dispatcher.ts';
import type { Outbox } from '../events/outbox.ts';
import { within } from '../lifecycle.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RedisConnection } from '../redis/redis-connection.ts';
import type { Db } from '../repository/postgres/db.ts';
import type { ScyllaStore } from '../repository/stores.ts';
import type { Readiness } from '../server/readiness.ts';
import type { StreamsHooks } from '../streams/hooks.ts';
import type { ResyncReason } from '../streams/stream-event.ts';
import type { Streams } from '../streams/streams.ts';
import type { Notifications } from './adapters.ts';

/** Platforms that are told apart; anything else a client may claim is `unknown`. */
const PLATFORMS: readonly string[] = ['web', 'android', 'ios'];
const SEND = '/services.chat.v1.ChatService/SendMessage';
const PUBLISH_ERRORS = ['not_acknowledged', 'not_encodable'] as const;
const RESYNC_REASONS: readonly ResyncReason[] = ['cursor_expired', 'cursor_unknown', 'overflow'];
/** A value that a dependency does not tell in this time is left out of a scrape. */
const COLLECT_MS = 1_000;

/** Counts stored messages of users. */
export function countSent(metrics: Metrics, database: string): (roomType: string) => void {
  return (roomType) => metrics.messagesSent.inc({ room_type: roomType, database });
}

/** What the dispatcher tells. */
export function dispatcherHooks(metrics: Metrics): DispatcherHooks {
  return {
    published({ types, failed, ms }) {
      metrics.publishDuration.observe(ms / 1000);
      for (const type of types) metrics.eventsPublished.inc({ event_type: type });
      if (failed) metrics.publishErrors.inc({ reason: PUBLISH_ERRORS[0] });
    },
    dropped: () => metrics.publishErrors.inc({ reason: PUBLISH_ERRORS[1] }),
  };
}

/** What the streams tell. */
export function streamsHooks(metrics: Metrics): StreamsHooks {
  return {
    opened: (platform) => metrics.activeConnections.inc({ client_type: clientType(platform) }),
    ended(platform, reason) {
      metrics.activeConnections.dec({ client_type: clientType(platform) });
      metrics.streamsEnded.inc({ reason: reason ?? 'closed' });
    },
    handedOver: (delayMs) => metrics.deliveryDelay.observe(Math.max(0, delayMs) / 1000),
    written: (events) => metrics.deliveries.inc(events),
    replayed: (events) => metrics.replayLength.observe(events),
    resync: (reason) => metrics.resyncs.inc({ reason }),
  };
}

/** What is asked when somebody scrapes. */
export interface MeasuredState {
  readonly db: Db;
  readonly outbox: Outbox;
  readonly dispatcher: Dispatcher;
  readonly streams: Streams;
  readonly scylla: ScyllaStore | undefined;
  readonly redis: RedisConnection | undefined;
  readonly notifications: Pick<Notifications, 'state'>;
  readonly readiness: Readiness;
}

/** Lets the gauges of `metrics` be asked for whenever somebody scrapes. */
export function measureState(metrics: Metrics, state: MeasuredState): void {
  beginAtZero(metrics);
  metrics.buildInfo.set({ version: packageJson.version }, 1);
  metrics.beforeScrape(() => measureProcess(metrics, state));
  metrics.beforeScrape(() => measureOutbox(metrics, state.outbox));
  metrics.beforeScrape(() => measureReadiness(metrics, state.readiness));
  const { scylla, redis, notifications } = state;
  if (scylla !== undefined) metrics.beforeScrape(() => measureScylla(metrics, scylla));
  metrics.beforeScrape(() => {
    measureBreaker(metrics, 'redis', redis?.state());
    measureBreaker(metrics, 'notifications', notifications.state?.());
  });
}

/** Rates don't see the first event of a series that was not there before: those that alerts look at are there from the start. */
function beginAtZero(metrics: Metrics): void {
  for (const type of [...PLATFORMS, 'unknown']) metrics.activeConnections.set({ client_type: type }, 0);
  for (const code of ['ok', 'internal', 'unavailable']) metrics.rpcRequests.inc({ method: SEND, code }, 0);
  for (const reason of PUBLISH_ERRORS) metrics.publishErrors.inc({ reason }, 0);
  for (const reason of RESYNC_REASONS) metrics.resyncs.inc({ reason }, 0);
  for (const reason of ['closed', 'stream_overflow']) metrics.streamsEnded.inc({ reason }, 0);
  for (const kind of ['push', 'subscribe', 'unsubscribe']) {
    for (const outcome of ['sent', 'retried', 'dropped']) metrics.notifications.inc({ kind, outcome }, 0);
  }
}

function measureProcess(metrics: Metrics, { dispatcher, streams, db }: MeasuredState): void {
  metrics.dispatcherActive.set(dispatcher.stats().active ? 1 : 0);
  const { events, fill } = streams.buffers();
  metrics.bufferedEvents.set(events);
  metrics.bufferUse.set(fill);
  for (const [state, count] of Object.entries(db.poolUse?.() ?? {})) {
    metrics.databaseConnections.set({ state }, count);
  }
}

async function measureOutbox({ outboxEntries, outboxOldestAge }: Metrics, outbox: Outbox): Promise<void> {
  const depth = await within(COLLECT_MS, () => outbox.depth(), undefined);
  // What nobody knows is not told: an old value would look like a fact.
  outboxEntries.set(depth?.count ?? Number.NaN);
  outboxOldestAge.set(depth === undefined ? Number.NaN : depth.oldestAgeMs / 1000);
}

async function measureReadiness(metrics: Metrics, readiness: Readiness): Promise<void> {
  const { failure, dependencies } = await readiness.report();
  metrics.ready.set(failure === undefined ? 1 : 0);
  for (const { dependency, failure: reason, ms } of dependencies) {
    metrics.dependencyUp.set({ dependency }, reason === undefined ? 1 : 0);
    metrics.dependencyCheck.set({ dependency }, ms / 1000);
  }
}

async function measureScylla(metrics: Metrics, { session, follower }: ScyllaStore): Promise<void> {
  measureBreaker(metrics, 'scylladb', session.breakerState());
  const lag = await within(COLLECT_MS, () => follower.lag(), undefined);
  metrics.scyllaChangesBehind.set(lag?.changes ?? Number.NaN);
  metrics.scyllaOldestChangeAge.set(lag === undefined ? Number.NaN : lag.oldestAgeMs / 1000);
}

const BREAKER_VALUES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Nothing is told of what is not used. */
function measureBreaker(metrics: Metrics, dependency: string, state: BreakerState | undefined): void {
  if (state !== undefined) metrics.breakerState.set({ dependency }, BREAKER_VALUES[state]);
}

function clientType(platform: string): string {
  return PLATFORMS.includes(platform) ? platform : 'unknown';
}
