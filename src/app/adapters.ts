import type { Config } from '../config.ts';
import type { Broker } from '../events/broker.ts';
import { createJetStreamBroker } from '../events/jetstream-broker.ts';
import { createMemoryBroker } from '../events/memory-broker.ts';
import type { Logger } from '../logger.ts';
import { createConnectNotificationsClient } from '../notifications/connect-notifications-client.ts';
import { createLogNotificationsClient } from '../notifications/log-notifications-client.ts';
import type { NotificationsClient } from '../notifications/notifications.ts';
import type { RoomsRepository } from '../repository/rooms-repository.ts';
import type { UsersRepository } from '../repository/users-repository.ts';
import type { StreamDirectory } from '../streams/ports.ts';

const NOTIFICATION_TIMEOUT_MS = 5_000;

/** JetStream where the configuration names one, else the broker in the process. */
export function createBroker({ nats }: Config, logger: Logger): Broker {
  return nats === undefined ? createMemoryBroker() : createJetStreamBroker({ ...nats, logger });
}

/** The notifications service where the configuration names one, else the log. */
export function createNotificationsClient({ notifications }: Config, logger: Logger): NotificationsClient {
  const { url, token } = notifications;
  if (url === undefined) return createLogNotificationsClient(logger);
  const bearer = token === undefined ? {} : { token };
  return createConnectNotificationsClient({ url, ...bearer, timeoutMs: NOTIFICATION_TIMEOUT_MS });
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
