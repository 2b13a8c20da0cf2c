import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What is measured, each with its promise as help text. Labels only ever take values from short, fixed lists. */
export type Metrics = ReturnType<typeof createMetrics>;

/** From a local call to one that nobody waits for any more. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const COUNTS = [0, 1, 10, 100, 1_000, 10_000, 100_000];

/**
 * The instruments of one service, in a registry of their own. Names and labels of the first three are inherited (behaviour R4);
 * docs/metrics.md is made from what is registered here.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const questions: (() => void | Promise<void>)[] = [];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    /** What has to be asked for is asked for whenever somebody scrapes; the question must not reject, and be quick. */
    beforeScrape(question: () => void | Promise<void>): void {
      questions.push(question);
    },
    /** Everything in the text format of Prometheus. */
    async scrape(): Promise<string> {
      await Promise.all(questions.map(async (question) => await question()));
      return await registry.metrics();
    },
    ...messageMetrics(registers),
    ...eventMetrics(registers),
    ...streamMetrics(registers),
    ...dependencyMetrics(registers),
  };
}

function messageMetrics(registers: Registry[]) {
  return {
    messagesSent: new Counter({
      name: 'chat_messages_sent_total',
      help: 'Messages of users, counted once, after they were stored; system messages are not counted.',
      labelNames: ['room_type', 'database'] as const,
      registers,
    }),
    queryDuration: new Histogram({
      name: 'chat_query_duration_seconds',
      help: 'Time of one operation of the rooms store, grouping and retries included.',
      labelNames: ['operation', 'database'] as const,
      buckets: SECONDS,
      registers,
    }),
    rpcRequests: new Counter({
      name: 'chat_rpc_requests_total',
      help: 'Calls that ended, streams included, by method and Connect code (ok when they went well).',
      labelNames: ['method', 'code'] as const,
      registers,
    }),
    rpcDuration: new Histogram({
      name: 'chat_rpc_duration_seconds',
      help: 'Time of a unary call from its headers to its answer.',
      labelNames: ['method', 'code'] as const,
      buckets: SECONDS,
      registers,
    }),
    rateLimitDecisions: new Counter({
      name: 'chat_rate_limit_decisions_total',
      help: 'What the limits decided: allowed or refused.',
      labelNames: ['limit', 'outcome'] as const,
      registers,
    }),
    rateLimitFallbacks: new Counter({
      name: 'chat_rate_limit_fallbacks_total',
      help: 'Decisions that the limits of the process made, because Redis did not answer.',
      registers,
    }),
    cacheOperations: new Counter({
      name: 'chat_cache_operations_total',
      help: 'Operations of the cache: get with hit, miss or stale; get and set with error when the cache did not answer.',
      labelNames: ['operation', 'status'] as const,
      registers,
    }),
  };
}

function eventMetrics(registers: Registry[]) {
  return {
    outboxEntries: new Gauge({
      name: 'chat_outbox_entries',
      help: 'Committed entries that wait to be published; the same for all instances of a database.',
      registers,
    }),
    outboxOldestAge: new Gauge({
      name: 'chat_outbox_oldest_age_seconds',
      help: 'Age of the oldest of them; 0 when there is none.',
      registers,
    }),
    dispatcherActive: new Gauge({
      name: 'chat_dispatcher_active',
      help: '1 on the one instance that publishes, 0 elsewhere.',
      registers,
    }),
    publishDuration: new Histogram({
      name: 'chat_publish_duration_seconds',
      help: 'Time until the broker has acknowledged a batch of events, or did not.',
      buckets: SECONDS,
      registers,
    }),
    eventsPublished: new Counter({
      name: 'chat_events_published_total',
      help: 'Events that the broker has acknowledged.',
      labelNames: ['event_type'] as const,
      registers,
    }),
    publishErrors: new Counter({
      name: 'chat_events_published_errors_total',
      help: 'Batches that the broker did not take as a whole (they are published again), and events that could not be encoded.',
      labelNames: ['reason'] as const,
      registers,
    }),
    notifications: new Counter({
      name: 'chat_notifications_total',
      help: 'Pushes and topic calls by outcome: sent, retried, dropped.',
      labelNames: ['kind', 'outcome'] as const,
      registers,
    }),
  };
}

function streamMetrics(registers: Registry[]) {
  return {
    activeConnections: new Gauge({
      name: 'chat_active_connections',
      help: 'Open event streams by platform of the client.',
      labelNames: ['client_type'] as const,
      registers,
    }),
    streamsEnded: new Counter({
      name: 'chat_streams_ended_total',
      help: 'Streams that ended, by reason; closed when the client went.',
      labelNames: ['reason'] as const,
      registers,
    }),
    deliveryDelay: new Histogram({
      name: 'chat_delivery_delay_seconds',
      help: 'Time from the commit of an event to its hand-over to the streams of this instance.',
      buckets: SECONDS,
      registers,
    }),
    deliveries: new Counter({
      name: 'chat_deliveries_total',
      help: 'Events that were written to streams.',
      registers,
    }),
    replayLength: new Histogram({
      name: 'chat_replay_events',
      help: 'Events that a resuming stream was given before it went live.',
      buckets: COUNTS,
      registers,
    }),
    resyncs: new Counter({
      name: 'chat_resyncs_total',
      help: 'Streams that were told resync_required, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
    bufferedEvents: new Gauge({
      name: 'chat_stream_buffered_events',
      help: 'Events that are queued for streams and not written, over all streams.',
      registers,
    }),
    bufferUse: new Gauge({
      name: 'chat_stream_buffer_use_ratio',
      help: 'Fill of the fullest queue of a stream, 0 to 1; at 1 the stream ends.',
      registers,
    }),
  };
}

function dependencyMetrics(registers: Registry[]) {
  return {
    ready: new Gauge({
      name: 'chat_ready',
      help: '1 while every dependency passes its check, else 0.',
      registers,
    }),
    dependencyUp: new Gauge({
      name: 'chat_dependency_up',
      help: '1 while the dependency passes its check, else 0.',
      labelNames: ['dependency'] as const,
      registers,
    }),
    dependencyCheck: new Gauge({
      name: 'chat_dependency_check_seconds',
      help: 'Time of the last check of the dependency.',
      labelNames: ['dependency'] as const,
      registers,
    }),
    breakerState: new Gauge({
      name: 'chat_breaker_state',
      help: 'Circuit breaker: 0 closed, 1 trying again, 2 open.',
      labelNames: ['dependency'] as const,
      registers,
    }),
    databaseConnections: new Gauge({
      name: 'chat_database_connections',
      help: 'Connections of the PostgreSQL pool by state: used, idle; waiting counts callers that wait for one.',
      labelNames: ['state'] as const,
      registers,
    }),
    scyllaChangesBehind: new Gauge({
      name: 'chat_scylla_changes_behind',
      help: 'Changes that are committed and not in Scylla yet; the same for all instances of a database.',
      registers,
    }),
    scyllaOldestChangeAge: new Gauge({
      name: 'chat_scylla_oldest_change_age_seconds',
      help: 'Age of the oldest of them; 0 when there is none.',
      registers,
    }),
    buildInfo: new Gauge({
      name: 'chat_build_info',
      help: 'Always 1; tells the version of the service.',
      labelNames: ['version'] as const,
      registers,
    }),
  };
}
