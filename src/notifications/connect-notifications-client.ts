import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import type { ClientParams } from '../auth/caller.ts';
import { NotificationsService } from '../gen/services/notifications/v1/service_pb.ts';
import { NotificationRefused, type NotificationsClient } from './notifications.ts';

/** What only a service that works answers; anything else may as well come from something in front of it. */
const REFUSALS: ReadonlySet<Code> = new Set([
  ...[Code.InvalidArgument, Code.OutOfRange, Code.FailedPrecondition, Code.NotFound, Code.AlreadyExists],
  ...[Code.Unauthenticated, Code.PermissionDenied, Code.Unimplemented],
]);

/**
 * Calls the notifications service with Connect's JSON codec and the field names of behaviour 1.6.
 * Every call ends within `timeoutMs`. `token` is the service's own bearer; none is sent without it.
 * A failure is an Error that names the method and the code, never what was sent; a NotificationRefused when it is an answer.
 */
export function createConnectNotificationsClient(options: {
  readonly url: string;
  readonly token?: string;
  readonly timeoutMs: number;
}): NotificationsClient {
  const { url, token, timeoutMs } = options;
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '1.1',
    useBinaryFormat: false,
    jsonOptions: { useProtoFieldName: true },
  });
  const service = createClient(NotificationsService, transport);
  const callOptions = (client: ClientParams) => ({ timeoutMs, headers: headers(client, token) });
  return {
    async subscribeToTopic(topic, userIds, client) {
      await named(
        'SubscribeToTopic',
        service.subscribeToTopic(topicRequest(topic, userIds), callOptions(client)),
      );
    },
    async unsubscribeFromTopic(topic, userIds, client) {
      await named(
        'UnsubscribeFromTopic',
        service.unsubscribeFromTopic(topicRequest(topic, userIds), callOptions(client)),
      );
    },
    async sendPush(push, client) {
      const event = { case: 'chatMessage', value: push } as const;
      await named(
        'SendPushNotificationEvent',
        service.sendPushNotificationEvent({ event }, callOptions(client)),
      );
    },
  };
}

function topicRequest(topic: string, userIds: readonly number[]) {
  return { event: { case: 'data' as const, value: { topic, userIds: [...userIds] } } };
}

/** What the caller's client told about itself, as services pass it to one another (behaviour 1.2). */
function headers(client: ClientParams, token: string | undefined): Record<string, string> {
  const params = JSON.stringify({
    Lang: client.lang,
    ClientId: client.clientId ?? '',
    IANATimezone: client.timezone,
    Platform: client.platform,
    ClientVersion: client.clientVersion,
  });
  return {
    'General-Params-Bin': Buffer.from(params).toString('base64').replaceAll('=', ''),
    ...(token === undefined || token === '' ? {} : { Authorization: `Bearer ${token}` }),
  };
}

/** The other side's text stays out of the error: it may quote what it was sent. */
async function named(method: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    const { code } = ConnectError.from(error);
    const text = `${method}: ${Code[code]}${systemCode(error)}`;
    throw REFUSALS.has(code) ? new NotificationRefused(text) : new Error(text);
  }
}

function systemCode(error: unknown): string {
  const cause = error instanceof ConnectError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
}
