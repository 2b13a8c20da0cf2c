import type { ClientParams } from '../auth/caller.ts';
import type { ChatMessagePushEvent } from '../gen/services/notifications/v1/types_pb.ts';

/** The outgoing calls of behaviour 1.6. Each rejects on failure or timeout; the caller decides about a retry. */
export interface NotificationsClient {
  subscribeToTopic(topic: string, userIds: readonly number[], client: ClientParams): Promise<void>;
  unsubscribeFromTopic(topic: string, userIds: readonly number[], client: ClientParams): Promise<void>;
  sendPush(push: ChatMessagePushEvent, client: ClientParams): Promise<void>;
}

/** The service is there and refuses this call: the next one may fare better. */
export class NotificationRefused extends Error {}

/** The call was not made: the service has failed several times in a row, and is left alone for that long. */
export class NotificationsPaused extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('the notifications service is left alone');
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * A notification that a transaction asks for; stored with it, sent after it.
 * A push names only its message: text and recipients are read when it is sent, so no clear text is stored.
 */
export type Notification =
  | {
      readonly kind: 'subscribe' | 'unsubscribe';
      readonly roomId: string;
      readonly userIds: readonly number[];
    }
  | { readonly kind: 'push'; readonly roomId: string; readonly messageId: string; readonly senderId: number };

/** A stored notification. */
export interface NotificationJob {
  readonly id: number;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly notification: Notification;
  /** Of the caller whose call asked for it. */
  readonly client: ClientParams;
}

/**
 * Notifications that were committed and not sent yet. At least once: a claimed job comes back
 * when it was neither completed nor failed within `leaseMs`.
 */
export interface NotificationQueue {
  /** Jobs that are due, oldest first, at most `limit`; hidden from other claims for `leaseMs`. */
  claim(limit: number, leaseMs: number): Promise<NotificationJob[]>;
  /** Sent, or given up: forgets the jobs. */
  complete(ids: readonly number[]): Promise<void>;
  /** Makes a job due again after `delayMs`. */
  retry(id: number, delayMs: number): Promise<void>;
  /** Called after each commit of this process that stored a job; only a hint. Returns the unsubscribe function. */
  onCommit(wake: () => void): () => void;
}
