/**
 * A page that calls the service by Connect or gRPC-Web, with code that is generated from the proto files: user 1 makes a room, user 2
 * follows the stream, user 1 writes, user 2 sees it. The client of docs/client.md does the same and resumes by itself.
 */
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
// Made by `buf generate` with protoc-gen-es.
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';

type Chat = Client<typeof ChatService>;

const CONTENT = 'hello from a browser';

const form = document.querySelector('form');
form?.addEventListener('submit', async (submission) => {
  submission.preventDefault();
  const fields = new FormData(form);
  const field = (name: string): string => String(fields.get(name) ?? '').trim();
  const chatOf = (token: string): Chat => connect(field('url'), field('protocol'), token);
  try {
    await converse(chatOf(field('token1')), chatOf(field('token2')));
  } catch (error) {
    tell(`failed: ${error}`);
  }
});

async function converse(ana: Chat, ben: Chat): Promise<void> {
  // 1. A group of users 1 and 2. Whoever creates it is a member anyway.
  const { room } = await ana.createRoom({ type: 'group', name: 'From a browser', participants: [2] });
  if (room === undefined) throw new Error('no room in the answer');
  tell(`room ${room.id}`);

  // 2. The stream of user 2. "connected" says that it is open: nothing that happens from now on is missed. Before it comes what
  //    happened since this installation was last here; after a broken connection ask with the last `cursor`.
  const reading = new AbortController();
  const signal = AbortSignal.any([reading.signal, AbortSignal.timeout(20_000)]);
  const events = ben.streamMessages({}, { signal })[Symbol.asyncIterator]();
  await find(events, ({ event }) => event.case === 'connected');

  // 3. A message. The id is made once for each message, so that it can be sent again when the answer gets lost: it is stored once.
  //    Real clients encrypt the content (docs/encryption.md); the service stores and delivers any text as it is.
  const { message } = await ana.sendMessage({
    roomId: room.id,
    content: CONTENT,
    senderMessageId: crypto.randomUUID(),
  });
  tell(`sent as number ${message?.sequence} of the room`);

  // 4. User 2 sees it, after a few other events: that he was added to the room, and what the room says of that.
  await find(
    events,
    ({ roomId, event }) => roomId === room.id && event.case === 'message' && event.value.content === CONTENT,
  );
  tell(`user 2 saw: ${CONTENT}`);
  // Ends the request; it would count as an open stream otherwise.
  reading.abort();
}

/** Reads events until one is what is asked for. */
async function find(
  events: AsyncIterator<MessageEvent>,
  wanted: (event: MessageEvent) => boolean,
): Promise<void> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) throw new Error('the stream ended');
    if (wanted(value)) return;
  }
}

/**
 * X-Client-Id names this installation: the service keeps its place in the stream, and a newer stream with the same name ends the older
 * one. A page of another origin has to be in CORS_ORIGINS of a service in production.
 */
function connect(baseUrl: string, protocol: string, token: string): Chat {
  const identify: Interceptor = (next) => (request) => {
    request.header.set('Authorization', `Bearer ${token}`);
    request.header.set('X-Client-Id', 'example-browser');
    return next(request);
  };
  const options = { baseUrl, interceptors: [identify] };
  return createClient(
    ChatService,
    protocol === 'connect' ? createConnectTransport(options) : createGrpcWebTransport(options),
  );
}

function tell(line: string): void {
  const item = document.createElement('li');
  item.textContent = line;
  document.querySelector('ol')?.append(item);
}
