import { batch, type ReadonlySignal, signal } from '@preact/signals';
import {
  type ChatClient,
  ClientClosedError,
  type QueueChange,
  type QueuedMessage,
  type QueueStore,
} from '../../client/client.ts';
import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import { inWords } from './action-error.ts';
import type { MessageExtras, MessageView } from './model.ts';
import type { RoomKeys } from './room-keys.ts';
import { Serial } from './serial.ts';

/** An own message that the service does not have yet, or will never have. */
export interface Draft extends Pick<MessageView, 'key' | 'text' | 'at' | 'problem'> {
  readonly roomId: string;
  readonly tick: 'waiting' | 'failed';
  readonly extras: Extras;
}

/** What a message has beside its text. */
type Extras = MessageExtras & { readonly forward?: string };

/** What drafts need. */
export interface DraftsDeps {
  readonly client: () => Pick<ChatClient, 'send' | 'discard'>;
  readonly keys: RoomKeys;
  /** Resolves when the keys of the rooms are known. */
  readonly loaded: () => Promise<void>;
  /** The service has it: it is shown in place of its draft. */
  readonly stored: (message: MessageData, text: string | undefined) => void;
}

/** Own messages on their way, in the order in which they were typed. */
export class Drafts {
  readonly #deps: DraftsDeps;
  readonly #list = signal<readonly Draft[]>([]);
  readonly list: ReadonlySignal<readonly Draft[]> = this.#list;
  /** Encrypting takes a moment: what was typed first is sent first. */
  readonly #turns = new Serial();

  constructor(deps: DraftsDeps) {
    this.#deps = deps;
  }

  /** Shows it and sends it when it can be sent. */
  send(roomId: string, text: string, extras: Extras): void {
    const draft = {
      roomId,
      text,
      extras,
      key: crypto.randomUUID(),
      at: new Date(),
      tick: 'waiting',
      problem: undefined,
    } as const;
    this.#list.value = [...this.#list.peek(), draft];
    this.#start(draft);
  }

  /** Sends again what has failed. */
  retry(key: string): void {
    const draft = this.#list.peek().find((one) => one.key === key);
    if (draft?.tick !== 'failed') return;
    const again = { ...draft, tick: 'waiting', problem: undefined } as const;
    // It is the newest now: those after it are sent or gone.
    this.#list.value = [...this.#list.peek().filter((one) => one !== draft), again];
    this.#start(again);
  }

  /** Takes back what has failed or was not sent yet; what is just being sent stays. */
  discard(key: string): void {
    const draft = this.#list.peek().find((one) => one.key === key);
    if (draft?.tick === 'failed' || this.#deps.client().discard(key)) this.#drop(key);
  }

  /** Hears what the client makes of its queue, in which there may be messages of the page that was here before. */
  readonly changed = (change: QueueChange): void => {
    const { senderMessageId: key } = change.message;
    if (change.type === 'queued') void this.#restore(change.message);
    else if (change.type === 'refused') this.#refuse(key, change.error);
    else if (change.type === 'stored') {
      batch(() => {
        this.#deps.stored(change.stored, this.#list.peek().find((one) => one.key === key)?.text);
        this.#drop(key);
      });
    }
  };

  #start(draft: Draft): void {
    const work = async (): Promise<void> => {
      const { roomId, key, text = '', extras } = draft;
      if (!this.#list.peek().includes(draft)) return;
      const content = await this.#deps.keys.encrypt(roomId, text);
      const options = { senderMessageId: key, ...wireExtras(extras) };
      // Its fate is told by `changed`.
      this.#deps
        .client()
        .send(roomId, content, options)
        .catch((error: unknown) => this.#refuse(key, error));
    };
    this.#turns.run(work).catch((error: unknown) => this.#refuse(draft.key, error));
  }

  async #restore({ senderMessageId: key, roomId, content, extras }: QueuedMessage): Promise<void> {
    if (this.#list.peek().some((one) => one.key === key)) return;
    const { replyId, mentions = [] } = extras;
    const draft: Draft = {
      key,
      roomId,
      text: undefined,
      at: new Date(),
      tick: 'waiting',
      problem: undefined,
      extras: {
        ...(replyId && { replyTo: replyId }),
        mentions: mentions.map(({ tag, user }) => ({ tag, userId: Number(user) })),
      },
    };
    this.#list.value = [...this.#list.peek(), draft];
    await this.#deps.loaded();
    const text = await this.#deps.keys.decrypt(roomId, content);
    this.#list.value = this.#list.peek().map((one) => (one === draft ? { ...one, text } : one));
  }

  #refuse(key: string, error: unknown): void {
    if (error instanceof ClientClosedError) return;
    const problem = inWords(error);
    this.#list.value = this.#list
      .peek()
      .map((one) => (one.key === key ? { ...one, tick: 'failed', problem } : one));
  }

  #drop(key: string): void {
    this.#list.value = this.#list.peek().filter((one) => one.key !== key);
  }
}

function wireExtras({ replyTo, mentions = [], forward }: Extras) {
  return {
    ...(replyTo && { replyId: replyTo }),
    ...(forward && { forwardId: forward }),
    ...(mentions.length > 0 && {
      mentions: mentions.map(({ tag, userId }) => ({ tag, user: String(userId) })),
    }),
  };
}

/** Messages that wait survive a reload of the tab, as long as it has room for them. */
export function tabQueue(name: string): QueueStore {
  const read = (): readonly QueuedMessage[] => queueIn(sessionStorage.getItem(name));
  const write = (messages: readonly QueuedMessage[]): void =>
    sessionStorage.setItem(name, JSON.stringify(messages));
  return {
    load: async () => read(),
    add: async (message) => write([...read(), message]),
    remove: async (id) => write(read().filter(({ senderMessageId }) => senderMessageId !== id)),
  };
}

function queueIn(text: string | null): readonly QueuedMessage[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value.filter(isQueued) : [];
  } catch {
    return [];
  }
}

function isQueued(value: unknown): value is QueuedMessage {
  return (
    typeof value === 'object' &&
    value !== null &&
    'senderMessageId' in value &&
    'roomId' in value &&
    'content' in value &&
    'extras' in value
  );
}
