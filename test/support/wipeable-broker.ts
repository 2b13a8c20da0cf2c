import type {
  BroadcastSubject,
  Broker,
  BrokerMessage,
  BrokerState,
  LiveHandler,
  StoredMessage,
} from '../../src/events/broker.ts';
import { createMemoryBroker } from '../../src/events/memory-broker.ts';

/** An in-process broker that can lose its history as a real one does: the next history has another name. */
export class WipeableBroker implements Broker {
  readonly #maxMessages: number;
  readonly #handlers: LiveHandler[] = [];
  readonly #listeners: [BroadcastSubject, (data: Uint8Array) => void][] = [];
  #inner: Broker;

  constructor(maxMessages: number) {
    this.#maxMessages = maxMessages;
    this.#inner = createMemoryBroker({ maxMessages });
  }

  /** Loses everything, and tells the followers. */
  async wipe(): Promise<void> {
    await this.#inner.stop();
    this.#inner = createMemoryBroker({ maxMessages: this.#maxMessages });
    const state = await this.#inner.state();
    for (const handler of this.#handlers) {
      await this.#inner.follow(handler);
      handler.reset(state);
    }
    for (const [subject, listener] of this.#listeners) this.#inner.onBroadcast(subject, listener);
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  stop(): Promise<void> {
    return this.#inner.stop();
  }

  publish(messages: readonly BrokerMessage[], timeoutMs: number): Promise<number> {
    return this.#inner.publish(messages, timeoutMs);
  }

  lastRoomEvent(subject: string): Promise<number | undefined> {
    return this.#inner.lastRoomEvent(subject);
  }

  state(): Promise<BrokerState> {
    return this.#inner.state();
  }

  holdsAllAfter(after: number, subjects: readonly string[]): Promise<boolean> {
    return this.#inner.holdsAllAfter(after, subjects);
  }

  read(
    options: { readonly after: number; readonly until?: number; readonly subjects: readonly string[] },
    signal: AbortSignal,
  ): AsyncIterable<readonly StoredMessage[]> {
    return this.#inner.read(options, signal);
  }

  follow(handler: LiveHandler): Promise<BrokerState> {
    this.#handlers.push(handler);
    return this.#inner.follow(handler);
  }

  broadcast(subject: BroadcastSubject, data: Uint8Array): void {
    this.#inner.broadcast(subject, data);
  }

  onBroadcast(subject: BroadcastSubject, handler: (data: Uint8Array) => void): () => void {
    this.#listeners.push([subject, handler]);
    return this.#inner.onBroadcast(subject, handler);
  }

  health(): Promise<string | undefined> {
    return this.#inner.health();
  }
}
