import type { ChatRpc } from './connection.ts';

/** Tells the service how far the user has read: one call at a time, only the newest position counts. */
export class ReadMarker {
  readonly #client: ChatRpc;
  readonly #roomId: string;
  #newest: { readonly id: string; readonly sequence: number } | undefined;
  #marked = 0;
  #busy = false;

  constructor(client: ChatRpc, roomId: string) {
    this.#client = client;
    this.#roomId = roomId;
  }

  /** A message by somebody else was shown. */
  mark(message: { readonly id: string; readonly sequence: number }): void {
    if (message.sequence <= this.#marked) return;
    if (this.#newest !== undefined && message.sequence < this.#newest.sequence) return;
    this.#newest = { id: message.id, sequence: message.sequence };
    this.flush();
  }

  /** Tries again what failed. */
  flush(): void {
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    // Messages that arrive together are marked together.
    await Promise.resolve();
    for (let next = this.#newest; next !== undefined && next.sequence > this.#marked; next = this.#newest) {
      const request = { roomId: this.#roomId, messageIds: [next.id] };
      try {
        await this.#client.markMessagesAsRead(request, { timeoutMs: 5_000 });
        this.#marked = next.sequence;
      } catch {
        // The position covers everything before it: the next message or flush makes up for this one.
        break;
      }
    }
    this.#busy = false;
  }
}
