import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { ClientParams } from '../../src/auth/caller.ts';
import { ChatMessagePushEventSchema } from '../../src/gen/services/notifications/v1/types_pb.ts';
import { createConnectNotificationsClient } from '../../src/notifications/connect-notifications-client.ts';
import { guardNotifications } from '../../src/notifications/guarded-notifications-client.ts';
import { NotificationsPaused } from '../../src/notifications/notifications.ts';
import { exerciseNotificationsClient } from '../contract/notifications-client.ts';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { NotificationsService } from '../support/notifications-service.ts';
import { scrape } from '../support/scrape.ts';

const silent = pino({ level: 'silent' });
const CLIENT: ClientParams = {
  ...{ clientId: 'c', lang: 'en', timezone: '', platform: 'web', clientVersion: '1.0.0' },
};
const PUSH = create(ChatMessagePushEventSchema, { roomName: 'r' });
const DOWN = { status: 503, body: '<html>down</html>' };
const WORKS = { status: 200, body: '{}' };

exerciseNotificationsClient('Connect JSON behind a breaker', (options) =>
  guardNotifications(createConnectNotificationsClient(options), { failures: 5, resetMs: 30_000 }, silent),
);

describe('a notifications service that fails', () => {
  const service = new NotificationsService();
  let log: string[];
  beforeAll(() => service.start());
  afterAll(() => service.stop());
  beforeEach(() => {
    service.reset();
    log = [];
  });

  function guarded(resetMs: number) {
    const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(JSON.parse(line).msg) });
    const client = createConnectNotificationsClient({ url: service.url, timeoutMs: 5_000 });
    return guardNotifications(client, { failures: 3, resetMs }, logger);
  }

  it('is left alone after some failures in a row, for as long as is told', async () => {
    const client = guarded(30_000);
    service.answer = DOWN;
    for (let call = 0; call < 3; call += 1)
      await expect(client.sendPush(PUSH, CLIENT)).rejects.toThrow(/Unavailable/);
    expect(client.state()).toBe('open');
    const calls = [
      () => client.sendPush(PUSH, CLIENT),
      () => client.subscribeToTopic('t', [1], CLIENT),
      () => client.unsubscribeFromTopic('t', [1], CLIENT),
    ];
    for (const call of calls) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(NotificationsPaused);
      const { retryAfterMs } = error instanceof NotificationsPaused ? error : { retryAfterMs: 0 };
      expect(retryAfterMs).toBeGreaterThan(15_000);
      expect(retryAfterMs).toBeLessThanOrEqual(30_000);
    }
    expect(service.calls).toHaveLength(3);
    expect(log).toEqual(['the notifications service fails: pushes and topic calls are put off']);
  });

  it('is tried again by itself, and used again when it works', async () => {
    const client = guarded(20);
    service.answer = DOWN;
    for (let call = 0; call < 3; call += 1) {
      await expect(client.sendPush(PUSH, CLIENT)).rejects.toThrow(/Unavailable/);
    }
    service.answer = WORKS;
    await vi.waitFor(() => client.sendPush(PUSH, CLIENT));
    expect(client.state()).toBe('closed');
    expect(log.at(-1)).toBe('the notifications service works again');
    expect(log).toHaveLength(2);
  });

  it('that only refuses works', async () => {
    const client = guarded(30_000);
    service.answer = { status: 400, body: '{"code":"invalid_argument","message":"no"}' };
    for (let call = 0; call < 10; call += 1) {
      await expect(client.sendPush(PUSH, CLIENT)).rejects.toThrow(/InvalidArgument/);
    }
    expect(client.state()).toBe('closed');
    expect(service.calls).toHaveLength(10);
  });
});

describe.skipIf(inject('postgresUrl') === '')('the service while notifications fail', () => {
  const outside = new NotificationsService();
  let app: TestApp;
  beforeAll(async () => {
    await outside.start();
    app = await startTestApp({
      env: {
        ...{ NOTIFICATIONS_URL: outside.url, NOTIFICATIONS_BREAKER_FAILURES: '3' },
        NOTIFICATIONS_BREAKER_RESET_MS: '300',
      },
    });
  });
  afterAll(async () => {
    await app?.stop();
    await outside.stop();
  });

  it('takes messages, leaves it alone, and sends all of them when it is back', async () => {
    const state = async () =>
      (await scrape(app.url)).value('chat_breaker_state', { dependency: 'notifications' });
    expect(await state()).toBe(0);
    outside.answer = DOWN;
    const ana = await chatClient(app.url, { as: 1 });
    const { room } = await ana.createRoom({ type: 'p2p', participants: [2] });
    for (let n = 0; n < 10; n += 1) await ana.sendMessage({ roomId: room?.id ?? '', content: 'YQ==' });
    await expect.poll(state).toBeGreaterThan(0);
    // The first tries of eleven jobs would be eleven calls, or eight at once before it opens.
    expect(outside.calls.length).toBeLessThan(11);
    outside.reset();
    const waiting = async () => (await app.app.parts().db.query('SELECT FROM notification_outbox')).rowCount;
    await expect.poll(waiting).toBe(0);
    expect(outside.calls.filter(({ path }) => path.endsWith('SendPushNotificationEvent'))).toHaveLength(10);
    expect(await state()).toBe(0);
  });
});
