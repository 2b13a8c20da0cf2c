import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { ChatService } from '../../../src/gen/services/chat/v1/service_pb.ts';
import { EventIds } from '../../../src/web/model/event-ids.ts';
import { Inspector } from '../../../src/web/model/inspector.ts';
import { eventOf, messageOf } from './rooms.ts';

const SECRET = 'a text that nobody shall see';
const events = [
  eventOf({ roomId: '', cursor: 'c0', event: { case: 'connected', value: true } }),
  eventOf({
    eventId: 'known',
    cursor: 'c1',
    event: { case: 'message', value: messageOf({ id: 'm1', sequence: 1, content: SECRET }) },
  }),
  eventOf({ eventId: 'new', cursor: 'c2', event: { case: 'deleteMessage', value: 'm1' } }),
];

function watched() {
  const ids = new EventIds();
  ids.add('known');
  const inspector = new Inspector(ids);
  const routes = createRouterTransport(
    ({ service }) => {
      service(ChatService, {
        sendMessage({ roomId, content }) {
          if (roomId === 'closed') throw new ConnectError('permission_denied', Code.PermissionDenied);
          return { message: messageOf({ id: 'm1', roomId, content, sequence: 7 }), success: true };
        },
        async *streamMessages() {
          yield* events;
        },
      });
    },
    { transport: { interceptors: [inspector.interceptor] } },
  );
  const lines = () =>
    inspector.frames.value.map(({ kind, name, outcome, details }) =>
      [kind, name, outcome, ...details.map((pair) => pair.join('='))].filter((part) => part !== '').join(' '),
    );
  return { rpc: createClient(ChatService, routes), inspector, lines };
}

test('calls are shown with how they ended and which room and message they are about', async () => {
  const { rpc, lines, inspector } = watched();
  const send = (roomId: string) => rpc.sendMessage({ roomId, content: SECRET, senderMessageId: 's1' });
  await send('open');
  await expect(send('closed')).rejects.toThrow();
  expect(lines()).toEqual([
    'call SendMessage ok room=open senderMessageId=s1 id=m1 sequence=7',
    'call SendMessage permission_denied room=closed senderMessageId=s1',
  ]);
  expect(inspector.frames.value[0]?.durationMs).toBeGreaterThanOrEqual(0);
});

test('frames are shown as they come, heartbeats too, and what comes again as dropped', async () => {
  const { rpc, lines } = watched();
  const received = [];
  for await (const event of rpc.streamMessages({})) received.push(event.cursor);
  expect(received).toEqual(['c0', 'c1', 'c2']);
  expect(lines()).toEqual([
    'frame heartbeat cursor=c0',
    'drop message room=room sequence=1 eventId=known cursor=c1',
    'frame deleteMessage room=room eventId=new cursor=c2',
    'call StreamMessages ok',
  ]);
});

test('no text is ever shown, and no more than the newest 500', async () => {
  const { rpc, inspector } = watched();
  await rpc.sendMessage({ roomId: 'open', content: SECRET });
  for await (const _ of rpc.streamMessages({}));
  expect(JSON.stringify(inspector.frames.value)).not.toContain(SECRET);
  for (let one = 0; one < 600; one += 1) inspector.status('online');
  expect(inspector.frames.value.map(({ number }) => number)).toEqual(
    Array.from({ length: 500 }, (_, index) => index + 106),
  );
});
