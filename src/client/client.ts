/**
 * The client of the chat for Node, browsers and React Native (docs/client.md). This folder imports nothing of Node's and nothing of the
 * server's but the generated messages, so a bundler takes it as it is.
 */
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import type { MessageData } from '../gen/services/chat/v1/types_pb.ts';
import type { CursorStore } from './cursor-keeper.ts';
import { canStream, createFetchTransport } from './fetch-transport.ts';
import { type FollowDeps, Follower, type Mode } from './follow.ts';
import { type ChatEvent, type ChatEvents, Inbox } from './inbox.ts';
import { Outbox } from './outbox.ts';
import type { MessageExtras, QueueChange, QueueStore } from './queue.ts';
import { Backoff, type BackoffOptions } from './retry.ts';
import { pollSource, streamSource } from './sources.ts';
import { identified, type TokenSource, Tokens } from './tokens.ts';
import { Alarm, linkAbort } from './wait.ts';

export type { CursorStore } from './cursor-keeper.ts';
export { CipherError, createRoomCiphers, type RoomCipher, type RoomCiphers } from './encryption.ts';
export { type Mode, StreamReplacedError } from './follow.ts';
export type { ChatEvent, ChatEvents, ConnectionStatus } from './inbox.ts';
export {
  ClientClosedError,
  DiscardedError,
  type MessageExtras,
  type QueueChange,
  type QueuedMessage,
  QueueFullError,
  type QueueStore,
} from './queue.ts';
export { ReadMarker } from './read-marker.ts';
export { TypingSignal, TypingWatch } from './typing.ts';

/** How to reach the service, and as whom. */
export interface ChatClientOptions {
  /** `https://chat.example.com`; a path before the service's own paths may follow. */
  readonly baseUrl: string;
  /** A token, or what fetches one: asked at first and whenever the service no longer accepts the one before. */
  readonly token: TokenSource;
  /** Names this installation; keep it. One open stream for each user and client id: the newer one ends the older. */
  readonly clientId: string;
  /** Connect over `fetch` when there is none: of connect-node for HTTP/2 or gRPC in Node. Brings no token of its own. */
  readonly transport?: Transport;
  /** The runtime's own. */
  readonly fetch?: typeof globalThis.fetch;
  /** `auto`. */
  readonly mode?: Mode;
  /** `STREAM_HEARTBEAT_MS` of the service, 15,000: after two and a half of them without a sign of life the client connects anew. */
  readonly heartbeatMs?: number;
  readonly backoff?: BackoffOptions;
  /** Events that wait for a slow reader, 1,000. With one more the stream is closed, and opened at its cursor when all are read. */
  readonly maxWaitingEvents?: number;
  readonly queue?: {
    /** Messages that may wait for the service, 1,000. */
    readonly maxMessages?: number;
    /** Their size, as characters of JSON: 1 MiB. */
    readonly maxBytes?: number;
    /** Without one, waiting messages end with the app. */
    readonly store?: QueueStore;
    /** Hears of everything that happens to messages, those of the last run too. */
    readonly onChange?: (change: QueueChange) => void;
  };
  /** Between 0 and 1, for the jitter of back-off. */
  readonly random?: () => number;
  /** Milliseconds, to tell how long a connection has lived. */
  readonly now?: () => number;
}

/** Which events to read, from where. */
export interface EventsOptions {
  /** Only those of one room. */
  readonly roomId?: string;
  /** Strictly after this one. Goes before `store`. */
  readonly cursor?: string;
  /** Where the position is kept between runs. Without a position the service goes on where it stopped with this client id. */
  readonly store?: CursorStore;
  /** Ends the reading, as leaving the loop does: without an error. */
  readonly signal?: AbortSignal;
}

/** What a message has beside room and content. */
export interface SendOptions extends MessageExtras {
  /** Made when missing; at most 64 characters, never used for another message. */
  readonly senderMessageId?: string;
}

/** A user's connection to the chat. */
export interface ChatClient {
  /** Every call of the service. A call whose token is refused is repeated once with the next token. */
  readonly rpc: Client<typeof ChatService>;
  /**
   * Events, each once and in order, across reconnects; or a `resync` when the service can't prove that none is missing. Connects
   * with the first `next`. Rejects when trying again does not help: StreamReplacedError, or the ConnectError of the service.
   */
  events(options?: EventsOptions): ChatEvents;
  /** Sends a message once, however often that takes, after those before it in its room. Resolves to the stored message. */
  send(roomId: string, content: string, options?: SendOptions): Promise<MessageData>;
  /**
   * Takes a message back that waits for its turn or its next try: its `send` rejects with DiscardedError. False when it is just being sent,
   * or not in the queue. After a try without an answer the service may have it nevertheless.
   */
  discard(senderMessageId: string): boolean;
  /** Messages that wait for the service. */
  readonly waiting: number;
  /** Resolves when no message waits. */
  idle(): Promise<void>;
  /** Tries now what waits for its next try: call it when the network is back or the app is in front again. */
  wake(): void;
  /** Ends streams and sending. What was not sent is rejected with ClientClosedError. */
  close(): void;
}

const HEARTBEAT_MS = 15_000;
const SILENT_HEARTBEATS = 2.5;
/** A proxy may give up what is silent for 30 s. */
const MAX_POLL_WAIT_MS = 25_000;
const MAX_WAITING = 1_000;
const MAX_BYTES = 1024 * 1024;

/** A client. It does nothing until it is used, but for sending what its queue's store has kept. */
export function createChatClient(options: ChatClientOptions): ChatClient {
  // Called as a method of another object a browser's own fetch throws.
  const fetch: typeof globalThis.fetch = options.fetch ?? ((...args) => globalThis.fetch(...args));
  const { baseUrl, clientId, heartbeatMs = HEARTBEAT_MS, mode = 'auto', queue = {} } = options;
  const tokens = new Tokens(options.token);
  const alarm = new Alarm();
  const closed = new AbortController();
  const backoff = new Backoff(options.backoff ?? {}, options.random ?? Math.random);
  const transport = options.transport ?? createFetchTransport(baseUrl, fetch);
  const rpc = createClient(ChatService, identified(transport, tokens, clientId));
  const waitMs = Math.min(MAX_POLL_WAIT_MS, heartbeatMs);
  const deps: FollowDeps = {
    sources: {
      stream: streamSource(rpc),
      poll: pollSource({ baseUrl, fetch, tokens, clientId, waitMs, alarm }),
    },
    tokens,
    backoff,
    alarm,
    silenceMs: heartbeatMs * SILENT_HEARTBEATS,
    canStream: options.transport !== undefined || canStream(),
    now: options.now ?? Date.now,
    // The network is back: no message has to wait for its turn.
    online: () => alarm.ring(),
  };
  const outbox = new Outbox({
    rpc,
    backoff,
    alarm,
    store: queue.store,
    maxMessages: queue.maxMessages ?? MAX_WAITING,
    maxBytes: queue.maxBytes ?? MAX_BYTES,
    changed: queue.onChange ?? (() => {}),
    signal: closed.signal,
  });
  return {
    rpc,
    events: (which = {}) =>
      openEvents(deps, { ...which, mode, max: options.maxWaitingEvents ?? MAX_WAITING }, closed.signal),
    async send(roomId, content, { senderMessageId = uuid(), ...extras } = {}) {
      return await outbox.send({ senderMessageId, roomId, content, extras });
    },
    discard: (senderMessageId) => outbox.discard(senderMessageId),
    get waiting() {
      return outbox.waiting;
    },
    idle: () => outbox.idle(),
    wake: () => alarm.ring(),
    close: () => closed.abort(),
  };
}

function openEvents(
  deps: FollowDeps,
  { roomId, cursor, store, mode, max, signal }: EventsOptions & { readonly mode: Mode; readonly max: number },
  closed: AbortSignal,
): ChatEvents {
  const inbox = new Inbox(max, store);
  const link = linkAbort(closed, signal);
  link.signal.addEventListener('abort', () => void inbox.close());
  let started = false;
  const run = async (): Promise<void> => {
    try {
      const from = cursor ?? (await store?.load());
      await new Follower(deps, { roomId, cursor: from, mode }, inbox, link.signal).run();
      await inbox.close();
    } catch (error) {
      inbox.fail(error);
    } finally {
      link.release();
    }
  };
  const end = async (): Promise<IteratorResult<ChatEvent, undefined>> => {
    link.abort();
    link.release();
    await inbox.close();
    return { done: true, value: undefined };
  };
  return {
    async next() {
      if (!started) void run();
      started = true;
      return await inbox.next();
    },
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A random UUID (version 4), also where `crypto` is only what React Native's usual polyfill makes of it. */
function uuid(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
