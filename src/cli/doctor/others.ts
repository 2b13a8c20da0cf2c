import { once } from 'node:events';
import { connect } from 'node:net';
import pino from 'pino';
import type { Config, RedisConfig } from '../../config.ts';
import { inspectRedis } from '../../redis/redis-inspection.ts';
import { inspectScylla } from '../../repository/scylla/inspection.ts';
import { clockFinding, latencyOf } from './clock.ts';
import type { Finding } from './finding.ts';
import { PROBE_MS, type Probe } from './probe.ts';
import { bytes, duration, median, place } from './words.ts';

const SLOW_SCYLLA_MS = 50;

/** Redis, without which the service goes on. */
export function redisProbe(redis: RedisConfig): Probe {
  return {
    group: 'redis',
    name: 'server',
    todo: 'start it, or correct REDIS_URL; the service goes on without: limits count in each instance, and nothing is cached',
    async ask() {
      const { version, answers, usedBytes, maxBytes, evictionPolicy } = await inspectRedis(redis);
      const ms = latencyOf(answers);
      const isSlow = ms > redis.timeoutMs / 2;
      const limit = maxBytes === 0 ? 'without a limit' : `of ${bytes(maxBytes)}`;
      return [
        {
          group: 'redis',
          name: 'server',
          state: 'ok',
          text: `Redis ${version} at ${redis.urls.map((url) => place(url)).join(', ')}`,
          data: { version },
        },
        {
          group: 'redis',
          name: 'latency',
          state: isSlow ? 'warn' : 'ok',
          text: `answers in ${duration(ms)} (median of ${answers.length}), and is given ${duration(redis.timeoutMs)}`,
          ...(isSlow
            ? { todo: 'bring it closer, or raise REDIS_TIMEOUT_MS: what comes later is not used' }
            : {}),
          data: { medianMs: ms, timeoutMs: redis.timeoutMs },
        },
        clockFinding('redis', answers),
        {
          group: 'redis',
          name: 'memory',
          state: 'ok',
          text: `${bytes(usedBytes)} used ${limit}, ${evictionPolicy}`,
          data: { usedBytes, maxBytes, evictionPolicy },
        },
      ];
    },
  };
}

/** ScyllaDB or Cassandra. */
export function scyllaProbe({ scylla }: Config): Probe {
  return {
    group: 'scylla',
    name: 'cluster',
    todo: 'start it, or correct SCYLLA_HOSTS; docs/scylla.md says what goes on without it',
    async ask() {
      const { version, pingsMs, nodes, schema } = await inspectScylla(scylla, pino({ level: 'silent' }));
      const ms = median(pingsMs);
      const isSlow = ms > SLOW_SCYLLA_MS;
      const known = `${nodes} ${nodes === 1 ? 'node' : 'nodes'}`;
      return [
        {
          group: 'scylla',
          name: 'cluster',
          state: 'ok',
          text: `${version} at ${scylla.hosts.join(', ')}, ${known}, keyspace ${scylla.keyspace}`,
          data: { version, nodes },
        },
        {
          group: 'scylla',
          name: 'latency',
          state: isSlow ? 'warn' : 'ok',
          text: `answers in ${duration(ms)} (median of ${pingsMs.length})`,
          ...(isSlow ? { todo: 'see whether SCYLLA_DATACENTER is the nearest one' } : {}),
          data: { medianMs: ms },
        },
        cqlSchemaFinding(schema.found, schema.needed),
      ];
    },
  };
}

function cqlSchemaFinding(found: number | undefined, needed: number): Finding {
  const common = { group: 'scylla', name: 'schema', data: { found: found ?? null, needed } } as const;
  if (found === needed) return { ...common, state: 'ok', text: `version ${found}, as needed` };
  const text = found === undefined ? 'there is none' : `version ${found}, version ${needed} is needed`;
  const isNewer = found !== undefined && found > needed;
  const todo = isNewer
    ? 'start a newer version of the service'
    : 'run `npm run migrate` before the service starts';
  return { ...common, state: 'fail', text, todo };
}

/** Services that are called over HTTP: whether anybody listens there. Nothing is asked of them. */
export function serviceProbes({ notifications, tracing, auth }: Config): Probe[] {
  const jwks = auth.keys?.kind === 'jwks' ? auth.keys.url : undefined;
  const services = [
    [
      'notifications',
      notifications.url,
      'start it, or correct NOTIFICATIONS_URL; notifications wait, then are dropped',
    ],
    ['keys', jwks, 'start it, or correct JWT_JWKS_URL: without keys no token can be verified'],
    [
      'traces',
      tracing.endpoint,
      'start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT; the service goes on, without traces',
    ],
  ] as const;
  return services.flatMap(([name, url, todo]) => (url === undefined ? [] : [reachProbe(name, url, todo)]));
}

function reachProbe(name: string, url: string, todo: string): Probe {
  return {
    group: 'services',
    name,
    todo,
    async ask() {
      const { hostname, port, protocol } = new URL(url);
      const begun = performance.now();
      const host = hostname.replace(/^\[|\]$/g, '');
      const socket = connect({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80) });
      try {
        await once(socket, 'connect', { signal: AbortSignal.timeout(PROBE_MS) });
      } finally {
        socket.destroy();
      }
      const ms = performance.now() - begun;
      const text = `${place(url)} takes connections, in ${duration(ms)}`;
      return [{ group: 'services', name, state: 'ok', text, data: { connectMs: ms } }];
    },
  };
}
