import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type MessageEvent,
  MessageEventSchema,
  StreamMessagesRequestSchema,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import { type Identity, openStream, type StreamClient } from '../clients.ts';
import { METHODS } from '../load-protocol.ts';

/** Hears what a user's stream brings. */
export interface ReadObserver {
  readonly event: (event: MessageEvent) => void;
  /** Events are missing: the user has to look into the history. */
  readonly resync: () => void;
  readonly reconnected: () => void;
}

const BACKOFF = { firstMs: 50, maxMs: 1_000 };

/**
 * One user's stream. Whenever it ends it is opened again with the cursor of the last event. It drops nothing that comes twice: with a
 * cursor, nothing should.
 */
export class StreamReader {
  readonly #origin: string;
  readonly #identity: Identity;
  readonly #observer: ReadObserver;
  #cursor = '';
  #stream: StreamClient | undefined;
  #closed = false;

  constructor(origin: string, identity: Identity, observer: ReadObserver) {
    this.#origin = origin;
    this.#identity = identity;
    this.#observer = observer;
  }

  /** Resolves when the first stream is open; rejects when it can't be. */
  async open(): Promise<void> {
    const stream = this.#connect();
    await stream.opened;
    void this.#follow(stream);
  }

  close(): void {
    this.#closed = true;
    this.#stream?.close();
  }

  async #follow(first: StreamClient): Promise<void> {
    let stream = first;
    let failures = 0;
    for (;;) {
      await stream.ended;
      stream.close();
      if (this.#closed) return;
      await sleep(Math.min(BACKOFF.maxMs, BACKOFF.firstMs * 2 ** failures) * (0.5 + Math.random() / 2));
      if (this.#closed) return;
      stream = this.#connect();
      const opened = await stream.opened.then(
        () => true,
        () => false,
      );
      failures = opened ? 0 : failures + 1;
      if (opened) this.#observer.reconnected();
    }
  }

  #connect(): StreamClient {
    const onEnvelope = (envelope: Buffer): void => this.#take(envelope);
    const request = create(StreamMessagesRequestSchema, this.#cursor === '' ? {} : { cursor: this.#cursor });
    this.#stream = openStream({
      ...{ protocol: 'h2', origin: this.#origin, path: METHODS.stream, identity: this.#identity },
      ...{ request: toBinary(StreamMessagesRequestSchema, request), onFirst: onEnvelope, onEnvelope },
    });
    return this.#stream;
  }

  #take(envelope: Buffer): void {
    const event = fromBinary(MessageEventSchema, envelope.subarray(5));
    if (event.cursor !== '') this.#cursor = event.cursor;
    if (event.event.case === 'resyncRequired') this.#observer.resync();
    else this.#observer.event(event);
  }
}
