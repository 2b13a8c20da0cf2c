import { randomUUID } from 'node:crypto';
import { type ChatClient, ClientClosedError, TypingSignal } from '../../client/client.ts';
import { encryptMessage } from '../../crypto/message-cipher.ts';
import { CommandError } from '../command.ts';
import { refusalInWords } from './connection.ts';
import type { Conversation, MessageItem } from './conversation.ts';
import type { Reader } from './message-view.ts';

/** A room, as somebody who writes into it sees it. */
export interface Desk {
  readonly roomId: string;
  readonly conversation: Conversation;
  readonly reader: Reader;
}

const TYPING_TIMEOUT_MS = 2_000;

/** What the user writes: encrypted, shown at once as a draft, and sent for as long as it takes. */
export class Writer {
  readonly #client: ChatClient;
  readonly #signal: TypingSignal;
  /** Of every own line until now. */
  #sending: Promise<unknown> = Promise.resolve();
  #typingIn: string | undefined;

  constructor(client: ChatClient, isOnline: () => boolean) {
    this.#client = client;
    this.#signal = new TypingSignal((isTyping) => {
      if (isOnline()) this.#sendTyping(isTyping);
    });
  }

  /** Throws a CommandError without the room's key. */
  say(desk: Desk, text: string, reply?: MessageItem): void {
    const content = encrypt(desk.reader, text);
    this.#sending = Promise.all([this.#sending, this.#send(desk, text, content, reply)]);
    this.stopTyping();
  }

  /** Gives an own message another text. Rejects with the service's refusal, or with a CommandError without the room's key. */
  async edit({ conversation, reader }: Desk, { id: messageId }: MessageItem, text: string): Promise<void> {
    const newContent = encrypt(reader, text);
    this.stopTyping();
    const { message } = await this.#client.rpc.editMessage({ messageId, newContent });
    if (message !== undefined) conversation.update(message);
  }

  /** A key was pressed in that room. */
  typing(roomId: string): void {
    if (roomId !== this.#typingIn) this.stopTyping();
    this.#typingIn = roomId;
    this.#signal.key();
  }

  /** The line was sent or given up. */
  stopTyping(): void {
    this.#signal.stop();
  }

  /** Resolves when the fate of everything that was said is known and shown. */
  async settled(): Promise<void> {
    await this.#sending;
  }

  close(): void {
    this.#signal.close();
  }

  async #send(
    { roomId, conversation }: Desk,
    text: string,
    content: string,
    reply: MessageItem | undefined,
  ): Promise<void> {
    const senderMessageId = randomUUID();
    conversation.addDraft(senderMessageId, text, reply && { name: reply.view.name, text: reply.view.text });
    try {
      const options = reply === undefined ? { senderMessageId } : { senderMessageId, replyId: reply.id };
      conversation.add(await this.#client.send(roomId, content, options));
    } catch (error) {
      if (error instanceof ClientClosedError) return;
      conversation.refuseDraft(senderMessageId, refusalInWords(error));
    }
  }

  /** Only a hint: whether it arrives does not matter. */
  #sendTyping(isTyping: boolean): void {
    const roomId = this.#typingIn;
    if (roomId === undefined) return;
    const call = this.#client.rpc.sendTyping({ roomId, isTyping }, { timeoutMs: TYPING_TIMEOUT_MS });
    call.catch(() => undefined);
  }
}

function encrypt({ key }: Reader, text: string): string {
  if (key === undefined) throw new CommandError('without the room key nothing can be sent: see --chat-key');
  return encryptMessage(text, key);
}
