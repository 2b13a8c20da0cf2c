import { Cluster, Redis } from 'ioredis';
import type { RedisConfig } from '../config.ts';

/** What an operator wants to know of Redis. */
export interface RedisFacts {
  readonly version: string;
  /** Answers in a row, each with the server's clock; milliseconds since the epoch. */
  readonly answers: readonly {
    readonly sentAt: number;
    readonly receivedAt: number;
    readonly serverAt: number;
  }[];
  readonly usedBytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
  /** What goes when there is no more room, such as `allkeys-lru`. */
  readonly evictionPolicy: string;
}

const PINGS = 5;
/** Of a request: longer than a service waits, so that a slow Redis is told from one that is away. */
const TIMEOUT_MS = 2_000;

/** Connects, asks everything, and closes. Only reads. Rejects with the reason when Redis does not answer. */
export async function inspectRedis(config: RedisConfig): Promise<RedisFacts> {
  const client = clientOf(config);
  // What connecting rejects with is only that the connection is closed; why is told here.
  let reason: unknown;
  client.on('error', (error) => {
    reason ??= error;
  });
  try {
    await client.connect().catch((error: unknown) => {
      throw reason ?? error;
    });
    const answers: RedisFacts['answers'][number][] = [];
    for (let ping = 0; ping < PINGS; ping += 1) {
      const sentAt = preciseNow();
      const [seconds, micros] = await client.time();
      const serverAt = Number(seconds) * 1000 + Number(micros) / 1000;
      answers.push({ sentAt, receivedAt: preciseNow(), serverAt });
    }
    const info = fieldsOf(await client.info());
    return {
      version: info.get('redis_version') ?? 'unknown',
      answers,
      usedBytes: Number(info.get('used_memory') ?? 0),
      maxBytes: Number(info.get('maxmemory') ?? 0),
      evictionPolicy: info.get('maxmemory_policy') ?? 'unknown',
    };
  } finally {
    client.disconnect();
  }
}

function clientOf({ urls, password, cluster }: RedisConfig): Redis | Cluster {
  const options = {
    ...(password === undefined ? {} : { password }),
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  };
  return cluster
    ? new Cluster([...urls], { redisOptions: options, lazyConnect: true, clusterRetryStrategy: () => null })
    : new Redis(urls[0] ?? '', { ...options, lazyConnect: true });
}

/** Lines of `name:value`. */
function fieldsOf(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split(/\r?\n/).flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
    }),
  );
}

function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
