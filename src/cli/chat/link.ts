import type { ChatView } from './chat-view.ts';
import type { Conversation } from './conversation.ts';

/** How the connection is; `retryAt` in milliseconds since 1970. */
export type Connection =
  | { readonly status: 'connecting' | 'online' }
  | { readonly status: 'offline'; readonly retryAt: number };

/** Knows how the connection is, and tells when it goes and comes back. */
export class Link {
  readonly #me: number;
  readonly #view: ChatView;
  #connection: Connection = { status: 'connecting' };
  /** The open conversation when the connection went, and its newest message then. */
  #lost: { readonly conversation: Conversation | undefined; readonly at: number } | undefined;

  constructor(me: number, view: ChatView) {
    this.#me = me;
    this.#view = view;
  }

  get connection(): Connection {
    return this.#connection;
  }

  connecting(): void {
    this.#set({ status: 'connecting' });
  }

  /** The next try is after `nextDelayMs`. */
  offline(nextDelayMs: number, conversation: Conversation | undefined): void {
    this.#set({ status: 'offline', retryAt: Date.now() + nextDelayMs });
    if (this.#lost !== undefined) return;
    this.#lost = { conversation, at: conversation?.lastSequence ?? 0 };
    this.#view.notice('connection lost, trying again: what you type is sent when it is back', 'bad');
  }

  /** Events arrive again; the newest message of the open room has this sequence. */
  online(conversation: Conversation | undefined, lastSequence: number): void {
    this.#set({ status: 'online' });
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost === undefined) return;
    const { at } = lost;
    const own = (conversation?.items ?? []).filter(
      ({ senderId, place, id }) => senderId === this.#me && id !== '' && place > at,
    );
    const missed =
      conversation !== undefined && conversation === lost.conversation
        ? Math.max(0, lastSequence - at - own.length)
        : 0;
    const news = missed === 0 ? 'nothing happened here' : `${missed} message${missed === 1 ? '' : 's'}`;
    this.#view.notice(`connection resumed, ${news} while away`, 'good');
  }

  #set(connection: Connection): void {
    this.#connection = connection;
    this.#view.changed();
  }
}
