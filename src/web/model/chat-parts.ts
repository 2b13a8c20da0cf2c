import { createConnectTransport } from '@connectrpc/connect-web';
import { type Signal, signal } from '@preact/signals';
import { type ChatClient, createChatClient, TypingSignal } from '../../client/client.ts';
import type { Conversation } from './conversation.ts';
import { Drafts, tabQueue } from './drafts.ts';
import { EventIds } from './event-ids.ts';
import { Inspector } from './inspector.ts';
import { Intake } from './intake.ts';
import { ActionError, type Credentials, type Person } from './model.ts';
import { Network } from './network.ts';
import { People } from './people.ts';
import { RoomKeys } from './room-keys.ts';
import { RoomList } from './room-list.ts';
import { SharedStream } from './shared-stream.ts';

/** Who chats, and with what. */
export interface PartsOptions {
  readonly me: Person;
  /** Who is known already. */
  readonly known: readonly Person[];
  readonly masterKey: Pick<Credentials, 'chatKey' | 'chatIv'>;
  /** The same for all tabs of a user in this browser. */
  readonly clientId: string;
  /** A token, or what fetches one through the switch of the chat. */
  readonly token: string | ((fetch: typeof globalThis.fetch) => Promise<string>);
}

/** What a chat consists of. */
export interface ChatParts {
  readonly me: Person;
  readonly network: Network;
  readonly client: ChatClient;
  readonly inspector: Inspector;
  readonly keys: RoomKeys;
  readonly people: People;
  readonly rooms: RoomList;
  readonly drafts: Drafts;
  readonly intake: Intake;
  readonly stream: SharedStream;
  readonly typing: TypingSignal;
  readonly opened: Signal<Conversation | undefined>;
  /** The open room; throws an ActionError when there is none. */
  readonly conversation: () => Conversation;
  /** Tells the service that what is shown was read, when somebody looks at the page. */
  readonly markRead: () => void;
}

const TYPING_TIMEOUT_MS = 2_000;

/** The parts of a user's chat, put together and not started. */
export function createParts(options: PartsOptions): ChatParts {
  const { me } = options;
  const network = new Network();
  const ids = new EventIds();
  const inspector = new Inspector(ids);
  const keys = new RoomKeys(options.masterKey);
  const people = new People(me, options.known);
  const opened = signal<Conversation | undefined>(undefined);
  const drafts = new Drafts({
    client: () => client,
    keys,
    loaded: () => intake.loaded,
    stored: (message, text) => {
      if (opened.peek()?.roomId === message.roomId) opened.peek()?.stored(message, text);
    },
  });
  const client = connect(options, { network, inspector, drafts });
  const isSeen = (roomId: string): boolean => isVisible() && opened.peek()?.roomId === roomId;
  const rooms = new RoomList({ rpc: client.rpc, me: me.id, keys, people, isSeen });
  const markRead = (): void => {
    if (isVisible()) opened.peek()?.markRead();
  };
  const gone = (): void => {
    opened.value = undefined;
  };
  const intake = new Intake({ rooms, conversation: () => opened.peek(), shown: markRead, gone });
  const name = `chat.stream.${me.id}`;
  const stream = new SharedStream({ client, name, known: ids, inspector, listener: intake });
  const conversation = (): Conversation => {
    const now = opened.peek();
    if (now === undefined) throw new ActionError('No room is open');
    return now;
  };
  const typing = new TypingSignal((isTyping) => {
    const roomId = opened.peek()?.roomId;
    if (roomId === undefined || !network.isOn) return;
    // Only a hint: whether it arrives does not matter.
    client.rpc.sendTyping({ roomId, isTyping }, { timeoutMs: TYPING_TIMEOUT_MS }).catch(() => undefined);
  });
  return {
    ...{ me, network, client, inspector, keys, people, rooms },
    ...{ drafts, intake, stream, typing, opened, conversation, markRead },
  };
}

function connect(
  { me, clientId, token }: PartsOptions,
  { network, inspector, drafts }: Pick<ChatParts, 'network' | 'inspector' | 'drafts'>,
): ChatClient {
  const baseUrl = location.origin;
  const { fetch } = network;
  const interceptors = [inspector.interceptor];
  return createChatClient({
    baseUrl,
    clientId,
    fetch,
    token: typeof token === 'string' ? token : () => token(fetch),
    transport: createConnectTransport({ baseUrl, fetch, useBinaryFormat: true, interceptors }),
    queue: { store: tabQueue(`chat.queue.${me.id}`), onChange: drafts.changed },
  });
}

function isVisible(): boolean {
  return document.visibilityState === 'visible';
}
