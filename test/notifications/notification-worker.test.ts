import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { ClientParams } from '../../src/auth/caller.ts';
import { ChatMessagePushEventSchema } from '../../src/gen/services/notifications/v1/types_pb.ts';
import type { Service } from '../../src/lifecycle.ts';
import {
  createNotificationWorker,
  type NotificationWorkerOptions,
} from '../../src/notifications/notification-worker.ts';
import {
  type Notification,
  type NotificationQueue,
  type NotificationsClient,
  NotificationsPaused,
} from '../../src/notifications/notifications.ts';
import { CommitSignal } from '../../src/repository/postgres/commit-signal.ts';
import { createPostgresNotificationQueue } from '../../src/repository/postgres/notification-queue.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const CLIENT: ClientParams = {
  clientId: 'c',
  lang: 'en',
  timezone: '',
  platform: 'web',
  clientVersion: '1.0.0',
};

describe.skipIf(inject('postgresUrl') === '')('the notification worker', () => {
  let database: TestDatabase;
  let queue: NotificationQueue;
  let service: FakeService;
  let log: string[];
  const signal = new CommitSignal();
  const workers: Service[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    queue = createPostgresNotificationQueue({ db: database.db, signal });
  });
  afterAll(() => database?.drop());
  beforeEach(() => {
    service = new FakeService();
    log = [];
  });
  afterEach(async () => {
    service.release();
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    await database.db.query('DELETE FROM notification_outbox');
  });

  it('sends what was stored before it started, and what is committed later', async () => {
    await store(topic('subscribe', 'r1', [1, 2]));
    start();
    await expect.poll(() => service.sent).toEqual(['subscribe room-r1 1,2 by c']);
    await store(push('m1'), topic('unsubscribe', 'r1', [2]));
    await expect
      .poll(() => service.sent.toSorted())
      .toEqual(['push m1 by c', 'subscribe room-r1 1,2 by c', 'unsubscribe room-r1 2 by c']);
    await expect.poll(stored).toBe(0);
  });

  it('finds work that nobody told it about', async () => {
    start({ queue: { ...queue, onCommit: () => () => {} }, pollMs: 5 });
    await store(push('m1'));
    await expect.poll(() => service.sent).toEqual(['push m1 by c']);
  });

  it('forgets a push that has become pointless', async () => {
    await store(push('gone'));
    start({ renderPush: async () => undefined });
    await expect.poll(stored).toBe(0);
    expect(service.sent).toEqual([]);
  });

  it('repeats a failed call until it succeeds', async () => {
    service.failures = 3;
    await store(push('m1'));
    start();
    await expect.poll(() => service.sent).toEqual(['push m1 by c']);
    expect(service.calls).toBe(4);
    await expect.poll(stored).toBe(0);
    expect(errors()).toEqual([]);
  });

  it('gives up after five tries with one error, and goes on', async () => {
    service.failures = 5;
    await store(push('m1'));
    start({ concurrency: 1 });
    await expect.poll(stored).toBe(0);
    expect(service.calls).toBe(5);
    expect(errors()).toEqual(['a notification is dropped']);
    expect(log.join()).not.toContain('secret text');
    await store(push('m2'));
    await expect.poll(() => service.sent).toEqual(['push m2 by c']);
  });

  it('puts a job off for as long as the service is left alone, never less than after a failure, and gives it up all the same', async () => {
    const delays: number[] = [];
    const retry = async (id: number, delayMs: number): Promise<void> => {
      delays.push(delayMs);
      await queue.retry(id, 0);
    };
    const pauses = [25_000, 100, 0, 25_000, 25_000];
    const sendPush = async (): Promise<void> => {
      throw new NotificationsPaused(pauses[delays.length] ?? 0);
    };
    await store(push('m1'));
    start({
      queue: { ...queue, retry },
      client: Object.assign(service, { sendPush }),
      backOffMs: (attempt) => 1_000 * attempt,
    });
    await expect.poll(stored).toBe(0);
    expect(delays).toEqual([25_000, 2_000, 3_000, 25_000]);
    expect(errors()).toEqual(['a notification is dropped']);
  });

  it('tries again when the push can not be rendered now', async () => {
    let tries = 0;
    await store(push('m1'));
    start({
      renderPush: async ({ messageId }) => {
        tries += 1;
        if (tries === 1) throw new Error('the store is away');
        return render(messageId);
      },
    });
    await expect.poll(() => service.sent).toEqual(['push m1 by c']);
  });

  it('has at most so many calls in flight', async () => {
    service.hold();
    await store(...Array.from({ length: 7 }, (_, n) => push(`m${n}`)));
    start({ concurrency: 3 });
    await expect.poll(() => service.calls).toBe(3);
    // The jobs that wait for a slot are free for another instance.
    expect(await queue.claim(10, 0)).toHaveLength(4);
    service.release();
    await expect.poll(() => service.sent.length).toBe(7);
    expect(service.most).toBe(3);
  });

  it('keeps the order of topic jobs of a room, failures included', async () => {
    service.failures = 2;
    const jobs = Array.from({ length: 6 }, (_, n) =>
      topic(n % 2 === 0 ? 'subscribe' : 'unsubscribe', 'r1', [n]),
    );
    await store(...jobs);
    start();
    start();
    await expect.poll(() => service.sent.length).toBe(6);
    expect(service.sent.map((line) => line.split(' ')[2])).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('takes over the jobs of an instance that died', async () => {
    await store(push('m1'));
    // Claimed, then nothing: what a crash leaves behind.
    expect(await queue.claim(10, 0)).toHaveLength(1);
    start({ pollMs: 5 });
    await expect.poll(() => service.sent).toEqual(['push m1 by c']);
  });

  it('drops a job that was claimed too often without an outcome', async () => {
    await store(push('m1'));
    await database.db.query('UPDATE notification_outbox SET attempt = 5');
    start();
    await expect.poll(stored).toBe(0);
    expect(service.calls).toBe(0);
    expect(errors()).toEqual(['a notification is dropped']);
  });

  it('lives through an outage of the queue and sends nothing twice because of it', async () => {
    let away = true;
    const complete = async (ids: readonly number[]): Promise<void> => {
      if (away) throw new Error('the store is away');
      await queue.complete(ids);
    };
    await store(push('m1'));
    start({ queue: { ...queue, complete }, pollMs: 5 });
    await expect.poll(() => log.length).toBe(1);
    away = false;
    await expect.poll(stored).toBe(0);
    expect(service.sent).toEqual(['push m1 by c']);
    expect(log).toHaveLength(1);
  });

  describe('when stopped', () => {
    it('finishes what is in flight and starts nothing new', async () => {
      service.hold();
      await store(push('m1'), push('m2'));
      const worker = start({ concurrency: 1 });
      await expect.poll(() => service.calls).toBe(1);
      const stopping = worker.stop();
      service.release();
      await stopping;
      expect(service.sent).toEqual(['push m1 by c']);
      expect(await stored()).toBe(1);
    });

    it('leaves what does not finish in time for another instance', async () => {
      service.hold();
      await store(push('m1'));
      const worker = start();
      await expect.poll(() => service.calls).toBe(1);
      await worker.stop(AbortSignal.abort());
      expect(await stored()).toBe(1);
    });

    it('may be stopped twice, before its start, and without one', async () => {
      const worker = start();
      await worker.stop();
      await worker.stop();
      const idle = createNotificationWorker(options());
      await idle.stop();
      await idle.start();
      await store(push('m1'));
      expect(service.calls).toBe(0);
    });
  });

  function options(overrides: Partial<NotificationWorkerOptions> = {}): NotificationWorkerOptions {
    const logger = pino({ level: 'warn' }, { write: (line: string) => void log.push(line) });
    const renderPush: NotificationWorkerOptions['renderPush'] = async ({ messageId }) => render(messageId);
    return { queue, client: service, renderPush, logger, backOffMs: () => 0, pollMs: 20, ...overrides };
  }

  function start(overrides: Partial<NotificationWorkerOptions> = {}): Service {
    const worker = createNotificationWorker(options(overrides));
    workers.push(worker);
    void worker.start();
    return worker;
  }

  function errors(): string[] {
    return log
      .map((line) => JSON.parse(line))
      .flatMap(({ level, msg }) => (level >= 50 ? [String(msg)] : []));
  }

  async function store(...notifications: Notification[]): Promise<void> {
    for (const notification of notifications) {
      await database.db.query('INSERT INTO notification_outbox (notification, client) VALUES ($1, $2)', [
        JSON.stringify(notification),
        JSON.stringify(CLIENT),
      ]);
    }
    signal.notify();
  }

  async function stored(): Promise<number> {
    return (await database.db.query('SELECT FROM notification_outbox')).rowCount;
  }
});

function push(messageId: string): Notification {
  return { kind: 'push', roomId: 'r', messageId, senderId: 1 };
}

function topic(kind: 'subscribe' | 'unsubscribe', roomId: string, userIds: readonly number[]): Notification {
  return { kind, roomId, userIds };
}

function render(messageId: string) {
  return create(ChatMessagePushEventSchema, { roomName: messageId, messageContent: 'secret text' });
}

/** A notifications service that can fail, and can be held up. */
class FakeService implements NotificationsClient {
  readonly sent: string[] = [];
  calls = 0;
  most = 0;
  failures = 0;
  #now = 0;
  #held: PromiseWithResolvers<void> | undefined;

  hold(): void {
    this.#held = Promise.withResolvers();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  async subscribeToTopic(topicName: string, userIds: readonly number[], client: ClientParams): Promise<void> {
    await this.#call(`subscribe ${topicName} ${userIds} by ${client.clientId}`);
  }

  async unsubscribeFromTopic(
    topicName: string,
    userIds: readonly number[],
    client: ClientParams,
  ): Promise<void> {
    await this.#call(`unsubscribe ${topicName} ${userIds} by ${client.clientId}`);
  }

  async sendPush({ roomName }: { readonly roomName: string }, client: ClientParams): Promise<void> {
    await this.#call(`push ${roomName} by ${client.clientId}`);
  }

  async #call(line: string): Promise<void> {
    this.calls += 1;
    this.#now += 1;
    this.most = Math.max(this.most, this.#now);
    await this.#held?.promise;
    this.#now -= 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the service is away');
    }
    this.sent.push(line);
  }
}
