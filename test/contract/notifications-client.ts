import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClientParams } from '../../src/auth/caller.ts';
import { ChatMessagePushEventSchema } from '../../src/gen/services/notifications/v1/types_pb.ts';
import type { NotificationsClient } from '../../src/notifications/notifications.ts';
import { NotificationsService } from '../support/notifications-service.ts';
import { freePort } from '../support/ports.ts';

/** Makes the client under test for a service at `url`. */
export type MakeNotificationsClient = (options: {
  readonly url: string;
  readonly token?: string;
  readonly timeoutMs: number;
}) => NotificationsClient;

/** Proves the outgoing calls of behaviour 1.6 against a local HTTP server that plays the notifications service. */
export function exerciseNotificationsClient(name: string, makeClient: MakeNotificationsClient): void {
  describe(`notifications client: ${name}`, () => {
    const service = new NotificationsService();
    beforeAll(() => service.start());
    afterAll(() => service.stop());
    beforeEach(() => service.reset());

    it('subscribes users to a topic', async () => {
      await makeClient({ url: service.url, timeoutMs: 5_000 }).subscribeToTopic('room-1', [1, 2], CLIENT);
      expect(service.calls).toMatchObject([
        {
          path: '/services.notifications.v1.NotificationsService/SubscribeToTopic',
          body: { data: { topic: 'room-1', user_ids: [1, 2] } },
        },
      ]);
    });

    it('unsubscribes users from a topic', async () => {
      await makeClient({ url: service.url, timeoutMs: 5_000 }).unsubscribeFromTopic('room-1', [3], CLIENT);
      expect(service.calls).toMatchObject([
        {
          path: '/services.notifications.v1.NotificationsService/UnsubscribeFromTopic',
          body: { data: { topic: 'room-1', user_ids: [3] } },
        },
      ]);
    });

    it('pushes a message with the documented names', async () => {
      await makeClient({ url: service.url, timeoutMs: 5_000 }).sendPush(PUSH, CLIENT);
      expect(service.calls).toMatchObject([
        {
          path: '/services.notifications.v1.NotificationsService/SendPushNotificationEvent',
          body: {
            chat_message: {
              recipients_user_id: [2],
              sender_id: 1,
              sender_display_name: 'Ana',
              room_name: 'Ben',
              room_id: 'r',
              room_type: 'p2p',
              message_content: '¡Hola!',
            },
          },
        },
      ]);
    });

    it('passes on what the client told about itself, and speaks Connect JSON', async () => {
      await makeClient({ url: service.url, timeoutMs: 5_000 }).sendPush(PUSH, CLIENT);
      const { headers } = service.only();
      const params = String(headers['general-params-bin']);
      expect(params).not.toContain('=');
      expect(JSON.parse(Buffer.from(params, 'base64').toString())).toEqual({
        Lang: 'es',
        ClientId: 'phone-ñ',
        IANATimezone: 'America/Caracas',
        Platform: 'android',
        ClientVersion: '2.0.1',
      });
      expect(headers['content-type']).toBe('application/json');
      expect(headers['connect-protocol-version']).toBe('1');
    });

    it('has an empty client id when the client gave none', async () => {
      const client = makeClient({ url: service.url, timeoutMs: 5_000 });
      await client.sendPush(PUSH, { ...CLIENT, clientId: undefined });
      const params = Buffer.from(String(service.only().headers['general-params-bin']), 'base64').toString();
      expect(JSON.parse(params)).toMatchObject({ ClientId: '' });
    });

    it('shows its own token, and none when it has none', async () => {
      await makeClient({ url: service.url, token: 'own-token', timeoutMs: 5_000 }).sendPush(PUSH, CLIENT);
      await makeClient({ url: service.url, timeoutMs: 5_000 }).sendPush(PUSH, CLIENT);
      const authorizations = service.calls.map(({ headers }) => headers.authorization);
      expect(authorizations).toEqual(['Bearer own-token', undefined]);
    });

    it('rejects when the service is down', async () => {
      const url = `http://127.0.0.1:${await freePort()}`;
      await expect(makeClient({ url, timeoutMs: 5_000 }).sendPush(PUSH, CLIENT)).rejects.toThrow(
        /SendPush.*Unavailable/,
      );
    });

    it('rejects when the service does not answer in time', async () => {
      service.answer = 'never';
      await expect(makeClient({ url: service.url, timeoutMs: 50 }).sendPush(PUSH, CLIENT)).rejects.toThrow(
        /DeadlineExceeded/,
      );
    });

    it.each([
      [
        'a Connect error',
        403,
        '{"code":"permission_denied","message":"no ¡Hola! for you"}',
        /PermissionDenied/,
      ],
      ['an error page', 502, '<html>bad gateway</html>', /Unavailable/],
      ['no JSON', 200, 'ok', /./],
    ])('rejects when the service answers %s, without quoting it', async (_what, status, body, message) => {
      service.answer = { status, body };
      const failed = makeClient({ url: service.url, timeoutMs: 5_000 }).sendPush(PUSH, CLIENT);
      await expect(failed).rejects.toThrow(message);
      await expect(failed).rejects.not.toThrow(/Hola/);
    });

    it('ignores fields of the answer that it does not know', async () => {
      service.answer = { status: 200, body: '{"success":true,"delivered":3}' };
      await makeClient({ url: service.url, timeoutMs: 5_000 }).sendPush(PUSH, CLIENT);
      expect(service.calls).toHaveLength(1);
    });
  });
}

const CLIENT: ClientParams = {
  clientId: 'phone-ñ',
  lang: 'es',
  timezone: 'America/Caracas',
  platform: 'android',
  clientVersion: '2.0.1',
};

const PUSH = create(ChatMessagePushEventSchema, {
  recipientsUserId: [2],
  senderId: 1,
  senderDisplayName: 'Ana',
  roomName: 'Ben',
  roomId: 'r',
  roomType: 'p2p',
  messageContent: '¡Hola!',
});
