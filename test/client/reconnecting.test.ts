import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { type ChatClientOptions, createChatClient } from '../../src/client/client.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { type MessageEvent, MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';

const DOWN = new ConnectError('down', Code.Unavailable);
const GOING = new ConnectError('shutting_down', Code.Unavailable);
const EVENT = create(MessageEventSchema, {
  event: { case: 'deleteMessage', value: 'message' },
  cursor: '1',
});

it('waits longer each time, any part of a bound that doubles up to a limit', async () => {
  const waits = await waitsAfter(Array(8).fill(DOWN), { random: () => 0.5 });
  expect(waits).toEqual([50, 100, 200, 400, 500, 500, 500, 500]);
  expect(await waitsAfter(Array(3).fill(DOWN), { random: () => 0.1 })).toEqual([10, 20, 40]);
});

it('comes back at once to a service that is going, and only once', async () => {
  expect(await waitsAfter([GOING, GOING, GOING])).toEqual([0, 100, 200]);
});

it('begins anew after a connection that brought something', async () => {
  expect(await waitsAfter([DOWN, DOWN, EVENT, DOWN])).toEqual([50, 100, 50, 100]);
});

it('begins anew after a connection that lived for a while, though it was quiet', async () => {
  let minutes = 0;
  // As if between two looks at the clock a minute passed.
  const now = (): number => {
    minutes += 1;
    return minutes * 60_000;
  };
  const heartbeat = create(MessageEventSchema, { event: { case: 'connected', value: true } });
  expect(await waitsAfter([DOWN, DOWN, heartbeat], { now })).toEqual([50, 100, 50]);
  expect(await waitsAfter([DOWN, DOWN, heartbeat], { now: () => 0 })).toEqual([50, 100, 200]);
});

it('waits as long as the service asks for, five minutes at most', async () => {
  const busy = (seconds: string): ConnectError =>
    new ConnectError('rate limit exceeded', Code.ResourceExhausted, { 'retry-after': seconds });
  expect(await waitsAfter([busy('7'), busy('86400')])).toEqual([7_050, 300_050]);
});

it.each([Code.InvalidArgument, Code.PermissionDenied, Code.NotFound])(
  'gives up when trying again does not help: code %i',
  async (code) => {
    await expect(waitsAfter([new ConnectError('no', code)])).rejects.toMatchObject({ code });
  },
);

it('does not take a connection that was cut for a refusal', async () => {
  const cut = new ConnectError('protocol error: missing EndStreamResponse', Code.InvalidArgument);
  expect(await waitsAfter([cut])).toEqual([50]);
});

it('resumes at the cursor of the last event or heartbeat, whichever came last', async () => {
  const heartbeat = create(MessageEventSchema, { event: { case: 'connected', value: true }, cursor: '2' });
  const typing = create(MessageEventSchema, {
    event: { case: 'typing', value: { userId: 2, isTyping: true } },
  });
  const { cursors } = await follow([DOWN, EVENT, typing, heartbeat, DOWN]);
  expect(cursors).toEqual(['', '', '1', '1', '2']);
});

async function waitsAfter(...args: Parameters<typeof follow>): Promise<readonly number[]> {
  return (await follow(...args)).waits;
}

/**
 * What a client does whose connections end so: with an error, or right after an event. The waits that it chose, and the cursors
 * that it asked for.
 */
async function follow(
  fates: readonly (ConnectError | MessageEvent)[],
  options: Partial<ChatClientOptions> = {},
): Promise<{ readonly waits: readonly number[]; readonly cursors: readonly string[] }> {
  const script = [...fates];
  const cursors: string[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      async *streamMessages({ cursor = '' }) {
        cursors.push(cursor);
        const fate = script.shift();
        if (fate instanceof ConnectError) throw fate;
        if (fate !== undefined) yield fate;
      },
    });
  });
  const client = createChatClient({
    baseUrl: 'http://service.test',
    transport,
    mode: 'stream',
    token: 'token',
    clientId: 'client',
    backoff: { baseMs: 100, maxMs: 1_000 },
    random: () => 0.5,
    ...options,
  });
  const waits: number[] = [];
  for await (const one of client.events()) {
    if (one.type !== 'status' || one.status !== 'offline') continue;
    waits.push(one.nextDelayMs);
    if (waits.length === fates.length) break;
    // Nobody waits that long for a test.
    setImmediate(client.wake);
  }
  return { waits, cursors };
}
