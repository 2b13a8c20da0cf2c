import type { ConnectError } from '@connectrpc/connect';
import type { MessageData } from '../gen/services/chat/v1/types_pb.ts';

/** A message that waits for the service; nothing but JSON, so that a store can keep it. */
export interface QueuedMessage {
  readonly senderMessageId: string;
  readonly roomId: string;
  /** Ciphertext (docs/encryption.md); may be empty. */
  readonly content: string;
  readonly extras: MessageExtras;
}

/** What else a message may have: fields of SendMessageRequest. */
export interface MessageExtras {
  readonly replyId?: string;
  readonly forwardId?: string;
  readonly mentions?: readonly { readonly user: string; readonly tag: string }[];
  readonly lifetime?: string;
  readonly locationName?: string;
  readonly locationLatitude?: number;
  readonly locationLongitude?: number;
  readonly origin?: string;
  readonly contactName?: string;
  readonly contactPhone?: string;
  readonly file?: string;
  readonly event?: string;
}

/** Where waiting messages survive the end of the app. A message is added before it is sent, and removed when its fate is known. */
export interface QueueStore {
  /** What was added and not removed, in the order in which it was added. */
  load(): Promise<readonly QueuedMessage[]>;
  add(message: QueuedMessage): Promise<void>;
  remove(senderMessageId: string): Promise<void>;
}

/** What happens in the queue; `waiting` messages are in it afterwards. */
export type QueueChange = { readonly message: QueuedMessage; readonly waiting: number } & (
  | { readonly type: 'queued' }
  | { readonly type: 'stored'; readonly stored: MessageData }
  | { readonly type: 'refused'; readonly error: unknown }
  /** Not now: it is sent again by itself. */
  | { readonly type: 'postponed'; readonly error: ConnectError; readonly nextDelayMs: number }
);

/** Too many messages wait already: this one was not taken. */
export class QueueFullError extends Error {
  constructor() {
    super('too many messages wait for the service');
    this.name = 'QueueFullError';
  }
}

/** The client was closed. A message that a {@link QueueStore} keeps is sent by the next client. */
export class ClientClosedError extends Error {
  constructor() {
    super('the client is closed');
    this.name = 'ClientClosedError';
  }
}

/** The message was taken back before it was sent. */
export class DiscardedError extends Error {
  constructor() {
    super('the message was taken back');
    this.name = 'DiscardedError';
  }
}
