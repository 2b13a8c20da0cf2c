import { type BreakerState, createBreaker, isBreakerOpen } from '../breaker.ts';
import type { BreakerConfig } from '../config.ts';
import type { Logger } from '../logger.ts';
import { NotificationRefused, type NotificationsClient, NotificationsPaused } from './notifications.ts';

/** A client that leaves a failing service alone, and tells whether it does. */
export interface GuardedNotificationsClient extends NotificationsClient {
  state(): BreakerState;
}

/**
 * Puts a breaker around a client (behaviour R11). After `failures` in a row nothing is sent for `resetMs`, then one call finds out;
 * until then calls are rejected with NotificationsPaused. That it opened and closed is logged once each. A refusal by
 * the service is no failure: one job that it does not like must not keep the others from it.
 */
export function guardNotifications(
  client: NotificationsClient,
  config: BreakerConfig,
  logger: Logger,
): GuardedNotificationsClient {
  let failedAt = Number.NEGATIVE_INFINITY;
  const breaker = createBreaker({
    ...config,
    isFailure: (error) => !(error instanceof NotificationRefused),
    onOpen: (error) =>
      logger.warn({ err: error }, 'the notifications service fails: pushes and topic calls are put off'),
    onClose: () => logger.info('the notifications service works again'),
  });
  const guarded = async (call: () => Promise<void>): Promise<void> => {
    try {
      await breaker.run(async () => {
        await call().catch((error: unknown) => {
          // The last failure before it opens is the one from which the pause is counted.
          failedAt = performance.now();
          throw error;
        });
      });
    } catch (error) {
      if (!isBreakerOpen(error)) throw error;
      throw new NotificationsPaused(Math.max(0, failedAt + config.resetMs - performance.now()));
    }
  };
  return {
    subscribeToTopic: (...call) => guarded(() => client.subscribeToTopic(...call)),
    unsubscribeFromTopic: (...call) => guarded(() => client.unsubscribeFromTopic(...call)),
    sendPush: (...call) => guarded(() => client.sendPush(...call)),
    state: () => breaker.state(),
  };
}
