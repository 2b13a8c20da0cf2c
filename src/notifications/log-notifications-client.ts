import type { Logger } from '../logger.ts';
import type { NotificationsClient } from './notifications.ts';

/** Stands in for the notifications service when none is configured: a debug line for each call, without the message's text. */
export function createLogNotificationsClient(logger: Logger): NotificationsClient {
  return {
    async subscribeToTopic(topic, userIds) {
      logger.debug({ topic, userIds }, 'would subscribe users to a push topic');
    },
    async unsubscribeFromTopic(topic, userIds) {
      logger.debug({ topic, userIds }, 'would unsubscribe users from a push topic');
    },
    async sendPush({ roomId, roomType, senderId, recipientsUserId }) {
      logger.debug({ roomId, roomType, senderId, recipientsUserId }, 'would push a message');
    },
  };
}
