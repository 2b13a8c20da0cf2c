import { Cluster, Redis } from 'ioredis';
import { type BreakerState, createBreaker } from '../breaker.ts';
import type { RedisConfig } from '../config.ts';
import type { Logger } from '../logger.ts';

/**
 * Redis, which nothing may depend on: what it does not answer in time is done without it.
 *
 * Invariants:
 * - A request takes `timeoutMs` at most, and is refused at once while there is no connection or the breaker is open: nothing queues up.
 * - It reconnects for ever by itself. Losing and regaining Redis is logged once each.
 */
export interface RedisConnection {
  /** Runs a command; rejects when it failed, was not answered in time, or was not even tried. */
  run<T>(command: (redis: Redis | Cluster) => Promise<T>): Promise<T>;
  /** Rejects when Redis does not answer; asks also while the breaker is open. */
  ping(): Promise<void>;
  state(): BreakerState;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2_000;

/** Connects in the background: Redis may be away at first. */
export function connectRedis(config: RedisConfig, logger: Logger): RedisConnection {
  const client = config.cluster ? clusterOf(config) : singleOf(config);
  // Each lost connection and each failed attempt is an event; the breaker says once what they mean.
  client.on('error', () => {});
  const breaker = createBreaker({
    ...config.breaker,
    onOpen: (error) => logger.warn({ err: error }, 'Redis does not answer: going on without'),
    onClose: () => logger.info('Redis answers again'),
  });
  return {
    run: async (command) => await breaker.run(async () => await command(client)),
    async ping() {
      await client.ping();
    },
    state: () => breaker.state(),
    async close() {
      client.disconnect();
    },
  };
}

function singleOf(config: RedisConfig): Redis {
  return new Redis(config.urls[0] ?? '', optionsOf(config));
}

function clusterOf(config: RedisConfig): Cluster {
  return new Cluster([...config.urls], {
    redisOptions: optionsOf(config),
    enableOfflineQueue: false,
    clusterRetryStrategy: retryAfter,
  });
}

function optionsOf({ password, timeoutMs }: RedisConfig) {
  return {
    ...(password === undefined ? {} : { password }),
    commandTimeout: timeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A request that waits for a connection would come too late anyway.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: retryAfter,
  };
}

function retryAfter(attempt: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
}
