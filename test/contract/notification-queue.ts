import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClientParams } from '../../src/auth/caller.ts';
import type {
  Notification,
  NotificationJob,
  NotificationQueue,
} from '../../src/notifications/notifications.ts';

/** A queue under test, and what the repository does to it. */
export interface NotificationQueueAdapter {
  readonly queue: NotificationQueue;
  /** Stores a job in a transaction of its own and tells that it was committed. */
  add(notification: Notification, client: ClientParams): Promise<void>;
  /** Forgets every job. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Proves the promises of {@link NotificationQueue}. */
export function exerciseNotificationQueue(name: string, open: () => Promise<NotificationQueueAdapter>): void {
  describe(`notification queue: ${name}`, () => {
    let adapter: NotificationQueueAdapter;
    let queue: NotificationQueue;
    beforeAll(async () => {
      adapter = await open();
      queue = adapter.queue;
    });
    beforeEach(() => adapter.clear());
    afterAll(() => adapter?.close());

    it('has nothing to give when nothing is stored', async () => {
      expect(await queue.claim(10, MINUTE)).toEqual([]);
    });

    it('gives jobs as they were stored, oldest first, at most as many as asked for', async () => {
      for (const id of ['a', 'b', 'c']) await adapter.add(push(id), CLIENT);
      const jobs = await queue.claim(2, MINUTE);
      expect(jobs).toEqual([
        { id: expect.any(Number), attempt: 1, notification: push('a'), client: CLIENT },
        { id: expect.any(Number), attempt: 1, notification: push('b'), client: CLIENT },
      ]);
      expect(names(await queue.claim(2, MINUTE))).toEqual(['c']);
    });

    it('keeps a client without an id', async () => {
      const client = { ...CLIENT, clientId: undefined };
      await adapter.add(push('a'), client);
      expect((await queue.claim(1, MINUTE))[0]?.client).toEqual(client);
    });

    it('hides a claimed job until its lease ends, then gives it with the next attempt', async () => {
      await adapter.add(push('a'), CLIENT);
      expect(await queue.claim(1, 0)).toMatchObject([{ attempt: 1 }]);
      await expect.poll(() => queue.claim(1, MINUTE)).toMatchObject([{ attempt: 2 }]);
      expect(await queue.claim(1, MINUTE)).toEqual([]);
    });

    it('forgets completed jobs only', async () => {
      for (const id of ['a', 'b']) await adapter.add(push(id), CLIENT);
      const [first] = await queue.claim(2, 0);
      await queue.complete([first?.id ?? 0]);
      await expect.poll(async () => names(await queue.claim(2, MINUTE))).toEqual(['b']);
    });

    it('completes nothing, and what is gone, without complaint', async () => {
      await queue.complete([]);
      await queue.complete([4_711]);
      await queue.retry(4_711, 0);
    });

    it('puts a job off', async () => {
      for (const id of ['a', 'b']) await adapter.add(push(id), CLIENT);
      const [first, second] = await queue.claim(2, MINUTE);
      await queue.retry(first?.id ?? 0, MINUTE);
      await queue.retry(second?.id ?? 0, 0);
      await expect.poll(async () => names(await queue.claim(2, MINUTE))).toEqual(['b']);
      expect(await queue.claim(2, MINUTE)).toEqual([]);
    });

    it('gives a job to one of many claims at once', async () => {
      for (let n = 0; n < 20; n += 1) await adapter.add(push(`m${n}`), CLIENT);
      const claims = await Promise.all(Array.from({ length: 10 }, () => queue.claim(3, MINUTE)));
      const rest = await queue.claim(100, MINUTE);
      const all = names([...claims.flat(), ...rest]);
      expect(new Set(all).size).toBe(20);
      expect(all).toHaveLength(20);
    });

    it('tells about a commit until unsubscribed', async () => {
      let woken = 0;
      const unsubscribe = queue.onCommit(() => {
        woken += 1;
      });
      await adapter.add(push('a'), CLIENT);
      expect(woken).toBe(1);
      unsubscribe();
      await adapter.add(push('b'), CLIENT);
      expect(woken).toBe(1);
    });

    describe('topic jobs of one room', () => {
      it('are given one at a time, others at once', async () => {
        await adapter.add(topic('subscribe', 'r1', [1]), CLIENT);
        await adapter.add(topic('unsubscribe', 'r1', [1]), CLIENT);
        await adapter.add(topic('subscribe', 'r2', [1]), CLIENT);
        await adapter.add(push('m', 'r1'), CLIENT);
        const jobs = await queue.claim(10, MINUTE);
        expect(names(jobs)).toEqual(['subscribe r1', 'subscribe r2', 'm']);
        await queue.complete([jobs[0]?.id ?? 0]);
        expect(names(await queue.claim(10, MINUTE))).toEqual(['unsubscribe r1']);
      });

      it('wait for one that was put off', async () => {
        await adapter.add(topic('subscribe', 'r1', [1]), CLIENT);
        await adapter.add(topic('unsubscribe', 'r1', [1]), CLIENT);
        const [first] = await queue.claim(10, MINUTE);
        await queue.retry(first?.id ?? 0, MINUTE);
        expect(await queue.claim(10, MINUTE)).toEqual([]);
      });

      it('keep their order however claims, failures and crashes interleave', async () => {
        const steps = fc.array(fc.constantFrom('complete', 'retry', 'crash'), { maxLength: 12 });
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.constantFrom('r1', 'r2'), { minLength: 1, maxLength: 6 }),
            steps,
            async (rooms, plan) => {
              await adapter.clear();
              for (const [n, room] of rooms.entries())
                await adapter.add(topic('subscribe', room, [n]), CLIENT);
              const done = await drain(queue, [...plan]);
              for (const room of ['r1', 'r2']) {
                const expected = rooms.flatMap((other, n) => (other === room ? [n] : []));
                expect(done.filter((job) => job.roomId === room).map(({ userIds }) => userIds[0])).toEqual(
                  expected,
                );
              }
            },
          ),
          { numRuns: 15 },
        );
      });
    });
  });
}

/** Claims until nothing is left; the first outcomes are those of the plan, the others succeed. */
async function drain(queue: NotificationQueue, plan: string[]): Promise<TopicJob[]> {
  const done: TopicJob[] = [];
  const total = 60;
  for (let idle = 0; idle < total; ) {
    const jobs = await queue.claim(2, 0);
    if (jobs.length === 0) idle += 1;
    for (const job of jobs) {
      const outcome = plan.shift();
      if (outcome === 'crash') continue;
      if (outcome === 'retry') {
        await queue.retry(job.id, 0);
        continue;
      }
      if (job.notification.kind !== 'push') done.push(job.notification);
      await queue.complete([job.id]);
    }
  }
  return done;
}

type TopicJob = Exclude<Notification, { readonly kind: 'push' }>;

const MINUTE = 60_000;
const CLIENT: ClientParams = {
  clientId: 'phone',
  lang: 'es',
  timezone: 'UTC',
  platform: 'ios',
  clientVersion: '1.0.0',
};

function push(messageId: string, roomId = 'r'): Notification {
  return { kind: 'push', roomId, messageId, senderId: 1 };
}

function topic(kind: 'subscribe' | 'unsubscribe', roomId: string, userIds: readonly number[]): Notification {
  return { kind, roomId, userIds };
}

function names(jobs: readonly NotificationJob[]): string[] {
  return jobs.map(({ notification }) =>
    notification.kind === 'push' ? notification.messageId : `${notification.kind} ${notification.roomId}`,
  );
}
