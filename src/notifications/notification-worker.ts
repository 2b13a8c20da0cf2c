/**
 * Sends the notifications that transactions stored.
 *
 * Invariants:
 *  - One loop owns every call to the queue; sending is what runs concurrently, at most `concurrency` at once.
 *  - A job is forgotten only after it was sent, was found pointless, or failed `maxAttempts` times: at least once.
 *  - Jobs sent but not yet forgotten keep their slot, so a queue that is away bounds the repeats to `concurrency`.
 *  - A job that is not even tried, because the service is left alone, waits until that is over, and never less than after a failure:
 *    an outage uses up its tries more slowly, not faster. It is still given up after `maxAttempts` of them.
 *  - Only as many jobs are claimed as can start at once: the lease covers one call, not a wait for a slot.
 *  - The order of a room's topic jobs is the queue's: it does not hand out the next before the former is forgotten.
 *  - Polling is the truth. A commit's wake-up and a finished job only shorten the wait.
 */
import type { ChatMessagePushEvent } from '../gen/services/notifications/v1/types_pb.ts';
import { aborted, type Service } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import {
  type Notification,
  type NotificationJob,
  type NotificationQueue,
  type NotificationsClient,
  NotificationsPaused,
} from './notifications.ts';

/** What a push looks like now; undefined when there is nothing to push any more. Rejects when it can't be told now. */
export type RenderPush = (
  push: Extract<Notification, { readonly kind: 'push' }>,
) => Promise<ChatMessagePushEvent | undefined>;

/** The parts of the worker, and its limits. */
export interface NotificationWorkerOptions {
  readonly queue: NotificationQueue;
  readonly client: NotificationsClient;
  readonly renderPush: RenderPush;
  readonly logger: Logger;
  /** Calls in flight; default 8. */
  readonly concurrency?: number;
  /** Tries in all; default 5. */
  readonly maxAttempts?: number;
  /** Pause after a failed try; default 1 s · attempt², at most 30 s. */
  readonly backOffMs?: (attempt: number) => number;
  /** How often the queue is asked when nothing else wakes the worker; default 1000. */
  readonly pollMs?: number;
  /** After this a claimed job is somebody else's again; must be well above the client's timeout; default 60000. */
  readonly leaseMs?: number;
  /** Hears what became of each try, for metrics. */
  readonly settled?: (kind: Notification['kind'], outcome: 'sent' | 'retried' | 'dropped') => void;
}

/** A worker that sends stored notifications until it is stopped. `stop` finishes what is in flight. */
export function createNotificationWorker(options: NotificationWorkerOptions): Service {
  return new NotificationWorker(options);
}

class NotificationWorker implements Service {
  readonly #options: Required<NotificationWorkerOptions>;
  readonly #waiter = new Waiter();
  /** Ids to forget, and failed jobs to put off: finished, but not yet told to the queue. */
  readonly #done: number[] = [];
  readonly #failed: { readonly id: number; readonly delayMs: number }[] = [];
  #inFlight = 0;
  #queueIsAway = false;
  #loop: Promise<void> | undefined;
  #stopping = false;
  #expired = false;

  constructor(options: NotificationWorkerOptions) {
    this.#options = {
      concurrency: 8,
      maxAttempts: 5,
      backOffMs: (attempt) => Math.min(1_000 * attempt ** 2, 30_000),
      pollMs: 1_000,
      leaseMs: 60_000,
      settled: () => {},
      ...options,
    };
  }

  async start(): Promise<void> {
    if (!this.#stopping) this.#loop ??= this.#run();
  }

  async stop(deadline?: AbortSignal): Promise<void> {
    this.#stopping = true;
    this.#waiter.wake();
    if (deadline === undefined) return await this.#loop;
    await Promise.race([this.#loop, aborted(deadline)]);
    this.#expired = true;
    this.#waiter.wake();
  }

  async #run(): Promise<void> {
    const unsubscribe = this.#options.queue.onCommit(() => this.#waiter.wake());
    while (!this.#expired && (!this.#stopping || this.#held() > 0)) {
      try {
        await this.#settle();
        if (!this.#stopping) await this.#claim();
        this.#queueIsAway = false;
      } catch (error) {
        if (!this.#queueIsAway) this.#options.logger.warn({ err: error }, 'the notification queue is away');
        this.#queueIsAway = true;
      }
      if (!this.#stopping || this.#held() > 0) await this.#waiter.wait(this.#options.pollMs);
    }
    unsubscribe();
  }

  /** Jobs that take a slot. */
  #held(): number {
    return this.#inFlight + this.#done.length + this.#failed.length;
  }

  async #settle(): Promise<void> {
    const { queue } = this.#options;
    const ids = [...this.#done];
    if (ids.length > 0) await queue.complete(ids);
    this.#done.splice(0, ids.length);
    for (let job = this.#failed[0]; job !== undefined; job = this.#failed[0]) {
      await queue.retry(job.id, job.delayMs);
      this.#failed.shift();
    }
  }

  async #claim(): Promise<void> {
    const { queue, concurrency, leaseMs } = this.#options;
    const free = concurrency - this.#held();
    if (free <= 0) return;
    for (const job of await queue.claim(free, leaseMs)) {
      this.#inFlight += 1;
      void this.#work(job);
    }
  }

  async #work(job: NotificationJob): Promise<void> {
    const { maxAttempts, backOffMs, logger, settled } = this.#options;
    const { kind, roomId } = job.notification;
    try {
      await this.#send(job);
      settled(kind, 'sent');
      this.#done.push(job.id);
    } catch (error) {
      const facts = { err: error, kind, roomId, attempt: job.attempt };
      if (job.attempt < maxAttempts) {
        settled(kind, 'retried');
        logger.debug(facts, 'a notification failed and is tried again');
        const pausedMs = error instanceof NotificationsPaused ? error.retryAfterMs : 0;
        this.#failed.push({ id: job.id, delayMs: Math.max(backOffMs(job.attempt), pausedMs) });
      } else {
        settled(kind, 'dropped');
        logger.error(facts, 'a notification is dropped');
        this.#done.push(job.id);
      }
    }
    this.#inFlight -= 1;
    this.#waiter.wake();
  }

  async #send({ notification, client, attempt }: NotificationJob): Promise<void> {
    // Claimed once too often without an outcome: whatever it is, it takes its process down with it.
    if (attempt > this.#options.maxAttempts) throw new Error('no attempt came to an end');
    if (notification.kind === 'push') {
      const push = await this.#options.renderPush(notification);
      if (push !== undefined) await this.#options.client.sendPush(push, client);
      return;
    }
    const topic = `room-${notification.roomId}`;
    if (notification.kind === 'subscribe') {
      await this.#options.client.subscribeToTopic(topic, notification.userIds, client);
    } else {
      await this.#options.client.unsubscribeFromTopic(topic, notification.userIds, client);
    }
  }
}

/** Waits for a wake-up or a time; a wake-up that comes between two waits ends the second at once. */
class Waiter {
  #woken = false;
  #resolve: () => void = () => {};

  wake(): void {
    this.#woken = true;
    this.#resolve();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#resolve = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#woken = false;
  }
}
