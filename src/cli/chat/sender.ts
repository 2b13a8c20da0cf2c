import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import { backOffMs, type ChatClient, isTemporary } from './connection.ts';

/** Lines that may wait for the service. */
const MAX_WAITING = 100;

/** A line on its way. */
export interface Draft {
  readonly senderMessageId: string;
  readonly content: string;
}

/** What becomes of drafts. */
export interface SenderListener {
  stored(draft: Draft, message: MessageData): void;
  refused(draft: Draft, reason: string): void;
}

/**
 * Sends drafts one after another, in order. A try whose outcome is unknown is repeated with the same `sender_message_id`,
 * which the service stores once.
 */
export class Sender {
  readonly #client: ChatClient;
  readonly #roomId: string;
  readonly #listener: SenderListener;
  readonly #signal: AbortSignal;
  readonly #waiting: Draft[] = [];
  #sending: Promise<void> | undefined;

  constructor(client: ChatClient, roomId: string, listener: SenderListener, signal: AbortSignal) {
    this.#client = client;
    this.#roomId = roomId;
    this.#listener = listener;
    this.#signal = signal;
  }

  /** Undefined when too many wait already. */
  send(content: string): Draft | undefined {
    if (this.#waiting.length >= MAX_WAITING) return undefined;
    const draft = { senderMessageId: randomUUID(), content };
    this.#waiting.push(draft);
    this.#sending ??= this.#run();
    return draft;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#sending;
  }

  async #run(): Promise<void> {
    for (
      let draft = this.#waiting[0];
      draft !== undefined && !this.#signal.aborted;
      draft = this.#waiting[0]
    ) {
      await this.#deliver(draft);
      this.#waiting.shift();
    }
    this.#sending = undefined;
  }

  async #deliver(draft: Draft): Promise<void> {
    for (let attempt = 0; !this.#signal.aborted; attempt += 1) {
      try {
        const options = { signal: this.#signal, timeoutMs: 10_000 };
        const { message } = await this.#client.sendMessage({ roomId: this.#roomId, ...draft }, options);
        if (message !== undefined) this.#listener.stored(draft, message);
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!isTemporary(error)) return this.#listener.refused(draft, reason(error));
        await delay(backOffMs(attempt), undefined, { signal: this.#signal }).catch(() => undefined);
      }
    }
  }
}

function reason(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.InvalidArgument) return 'not sent: you may not write here, or it is too long';
  if (code === Code.NotFound) return 'not sent: you are not in this room any more';
  return `not sent: ${rawMessage}`;
}
