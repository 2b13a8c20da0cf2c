import type { BreakerState } from '../breaker.ts';
import { createMemoryCacheStore } from '../cache/memory-cache-store.ts';
import { createRedisCacheStore } from '../cache/redis-cache-store.ts';
import type { Config } from '../config.ts';
import type { Broker } from '../events/broker.ts';
import { createJetStreamBroker } from '../events/jetstream-broker.ts';
import { createMemoryBroker } from '../events/memory-broker.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createConnectNotificationsClient } from '../notifications/connect-notifications-client.ts';
import { guardNotifications } from '../notifications/guarded-notifications-client.ts';
import { createLogNotificationsClient } from '../notifications/log-notifications-client.ts';
import type { NotificationsClient } from '../notifications/notifications.ts';
import type { RedisConnection } from '../redis/redis-connection.ts';
import { createCachedRoomsRepository } from '../repository/cached-rooms-repository.ts';
import type { RoomsRepository } from '../repository/rooms-repository.ts';
import type { Stores } from '../repository/stores.ts';
import type { UsersRepository } from '../repository/users-repository.ts';
import type { NamedCheck } from '../server/readiness.ts';
import type { StreamDirectory } from '../streams/ports.ts';

/** The inherited text. */
const NATS_DOWN = 'NATS connection is down';
const NOTIFICATION_TIMEOUT_MS = 5_000;

/** JetStream where the configuration names one, else the broker in the process. */
export function createBroker({ nats }: Config, logger: Logger): Broker {
  return nats === undefined ? createMemoryBroker() : createJetStreamBroker({ ...nats, logger });
}

/** Who is told of pushes and topics, and its breaker, which the log has none of. */
export interface Notifications {
  readonly client: NotificationsClient;
  readonly state: (() => BreakerState) | undefined;
}

/** The notifications service where the configuration names one, else the log. */
export function createNotificationsClient({ notifications }: Config, logger: Logger): Notifications {
  const { url, token, breaker } = notifications;
  if (url === undefined) return { client: createLogNotificationsClient(logger), state: undefined };
  const bearer = token === undefined ? {} : { token };
  const client = createConnectNotificationsClient({ url, ...bearer, timeoutMs: NOTIFICATION_TIMEOUT_MS });
  const guarded = guardNotifications(client, breaker, logger);
  return { client: guarded, state: guarded.state };
}

/** The rooms of the stores; where a cache is worth it, it is in Redis when there is one, else in the process. */
export function cacheRooms(
  { rooms, lists }: Stores,
  redis: RedisConnection | undefined,
  { cacheOperations }: Metrics,
): RoomsRepository {
  if (lists === undefined) return rooms;
  const cache = redis === undefined ? createMemoryCacheStore() : createRedisCacheStore(redis);
  return createCachedRoomsRepository(rooms, { ...lists, cache, operations: cacheOperations });
}

/** Whether Redis answers, where there is one. */
export function redisChecks(redis: RedisConnection | undefined): readonly NamedCheck[] {
  if (redis === undefined) return [];
  return [
    {
      dependency: 'redis',
      failure: 'Redis health check failed',
      async check() {
        await redis.ping();
        return undefined;
      },
    },
  ];
}

/** Whether events can be published; what exactly is wrong is told to those who want to know more. */
export function brokerCheck(broker: Broker): NamedCheck {
  let asking: Promise<string | undefined> | undefined;
  // It is asked both, at the same time, and each question goes to the broker.
  const problem = (): Promise<string | undefined> => {
    asking ??= broker.health().finally(() => {
      asking = undefined;
    });
    return asking;
  };
  return {
    dependency: 'nats',
    failure: NATS_DOWN,
    check: async () => (await problem()) && NATS_DOWN,
    detail: problem,
  };
}

/** What streams ask the stores. */
export function createDirectory(rooms: RoomsRepository, users: UsersRepository): StreamDirectory {
  return {
    async memberships(userId) {
      const memberships = await rooms.getMemberships(userId);
      return new Map(memberships.map(({ roomId, joinEvent }) => [roomId, joinEvent]));
    },
    roomView: (userId, roomId) => rooms.getRoom(userId, roomId, 'full'),
    activeUsers: (userIds) => users.activeUsers(userIds),
  };
}
