import { setTimeout as pause } from 'node:timers/promises';
import { Code } from '@connectrpc/connect';
import { inject } from 'vitest';
import type { Reason } from '../../src/chat/errors.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { chatClient, startTestApp } from '../support/app.ts';
import { type Scrape, scrape } from '../support/scrape.ts';
import { Expression } from './promql.ts';
import { readRules } from './rule-files.ts';

/** What Prometheus can be asked for. */
export interface KnownMetrics {
  /** Labels that a series may have; none when there is no such series. */
  labelsOf(series: string): readonly string[];
  /** What is wrong with an expression; empty when it can be asked. */
  problemsOf(expression: Expression): string[];
}

/** Prometheus itself adds these. */
const TARGET = ['job', 'instance'];

/** Of others. Scylla's names are from its documentation: there is none to ask here. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  up: [],
  scylla_storage_proxy_coordinator_write_latency_quantile: ['quantile'],
  scylla_storage_proxy_coordinator_write_latency_summary: ['quantile', 'shard', 'scheduling_group_name'],
};

/** Has no value as long as its part has nothing to do, or is not there. */
const QUIET: readonly string[] = [
  'chat_breaker_state',
  'chat_cache_operations_total',
  'chat_events_published_errors_total',
  'chat_notifications_total',
  'chat_rate_limit_decisions_total',
  'chat_resyncs_total',
  'nodejs_gc_duration_seconds_sum',
  // An embedded database has no pool.
  ...(inject('postgresUrl') === '' ? ['chat_database_connections'] : []),
];

const HISTOGRAM = { _bucket: ['le'], _sum: [], _count: [] };

/** Values of labels that the service does not use while all is well, or without the part that they are about. */
const RARE: Readonly<Record<string, readonly string[]>> = {
  code: Object.keys(Code).map((name) => name.replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase()),
  reason: ['stream_overflow' satisfies Reason, 'not_encodable', 'not_acknowledged'],
  outcome: ['sent', 'retried', 'dropped', 'allowed', 'refused'],
  dependency: ['postgres', 'scylladb', 'redis', 'nats', 'notifications'],
  operation: ['get', 'set'],
  status: ['hit', 'miss', 'stale', 'error'],
  state: ['used', 'idle', 'waiting'],
  method: ['/services.chat.v1.ChatService/InitialSync'],
  job: ['chat-api'],
  // Prometheus 3 writes buckets so.
  le: ['1.0'],
};

/** Asks a running service that has had something to do, on what real servers there are, and adds what the rules calculate. */
export async function knownMetrics(): Promise<KnownMetrics> {
  const app = await startTestApp({ broker: inject('canStart').nats ? 'jetstream' : 'memory' });
  try {
    await beBusy(app.url);
    const found = await scrapeAtRest(app.app.metricsAddress().url);
    const labels = new Map(Object.entries(FOREIGN).map(([name, own]) => [name, [...TARGET, ...own]]));
    for (const { name, type, labelNames } of registered()) {
      if (!found.names.includes(name)) continue;
      for (const [suffix, more] of Object.entries(type === 'histogram' ? HISTOGRAM : { '': [] })) {
        labels.set(name + suffix, [...TARGET, ...labelNames, ...more]);
      }
    }
    const labelsOf = (series: string): readonly string[] => labels.get(series) ?? [];
    for (const { record, expr } of readRules().recordings) {
      labels.set(record, [...new Expression(expr).labels(labelsOf)]);
    }
    const isValue = (label: string, value: string): boolean =>
      found.labelValues(label).includes(value) || RARE[label]?.includes(value) === true;
    return {
      labelsOf,
      problemsOf: (expression) => [
        ...expression.errors().map((text) => `not PromQL: ${text}`),
        ...expression
          .selectors()
          .filter(({ metric }) => !labels.has(metric))
          .map(({ metric }) => `no such metric: ${metric}`),
        ...expression
          .selectors()
          .filter(
            ({ metric }) => isOwn(metric) && !QUIET.includes(metric) && found.value(metric) === undefined,
          )
          .map(({ metric }) => `never measured: ${metric}`),
        ...expression.unknownLabels(labelsOf).map((label) => `no such label: ${label}`),
        ...expression
          .selectors()
          .filter(({ metric }) => isOwn(metric))
          .flatMap(({ matchers }) => matchers)
          .flatMap(({ label, values }) => values.filter((value) => !isValue(label, value)))
          .map((value) => `no such value: ${value}`),
      ],
    };
  } finally {
    await app.stop();
  }
}

/** Of the service, and not calculated by a rule. */
function isOwn(metric: string): boolean {
  return /^(chat|process|nodejs)_/.test(metric);
}

/** The library keeps kind and labels of a metric, but its types don't tell. */
function registered(): readonly { name: string; type: string; labelNames: readonly string[] }[] {
  return createMetrics().registry.getMetricsAsArray() as unknown as ReturnType<typeof registered>;
}

/** Once the stream that the client left has ended at the service, too. */
async function scrapeAtRest(url: string): Promise<Scrape> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await scrape(url);
    if (found.value('chat_streams_ended_total') !== undefined) return found;
    await pause(100);
  }
  throw new Error('the stream did not end');
}

/** A message is sent and streamed; the stream ends. */
async function beBusy(url: string): Promise<void> {
  const sender = await chatClient(url, { as: 1 });
  const { room } = await sender.createRoom({ type: 'p2p', participants: [2] });
  const roomId = room?.id ?? '';
  const reader = await chatClient(url, { as: 2, clientId: 'reader' });
  const leaving = new AbortController();
  try {
    for await (const { event } of reader.streamMessages({}, { signal: leaving.signal })) {
      if (event.case === 'message') leaving.abort();
      else await sender.sendMessage({ roomId, content: 'AAAA' });
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  }
}
