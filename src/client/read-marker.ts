import type { Client } from '@connectrpc/connect';
import type { ChatService } from '../gen/services/chat/v1/service_pb.ts';

const TIMEOUT_MS = 5_000;

/** What a marker calls. */
type ReadRpc = Pick<Client<typeof ChatService>, 'markMessagesAsRead'>;

/** Tells the service how far the user has read: one call at a time, only the newest position counts. */
export class ReadMarker {
  readonly #rpc: ReadRpc;
  readonly #roomId: string;
  readonly #marked: () => void;
  #newest = { id: '', sequence: 0 };
  #done: number;
  #isBusy = false;

  constructor(options: {
    readonly rpc: ReadRpc;
    readonly roomId: string;
    /** Up to here it was read before; 0. */
    readonly sequence?: number;
    /** The service knows of it. */
    readonly marked?: () => void;
  }) {
    this.#rpc = options.rpc;
    this.#roomId = options.roomId;
    this.#done = options.sequence ?? 0;
    this.#marked = options.marked ?? (() => {});
  }

  /** The user has seen this message by somebody else, and so all before it. */
  mark({ id, sequence }: { readonly id: string; readonly sequence: number }): void {
    if (sequence > this.#newest.sequence) this.#newest = { id, sequence };
    this.flush();
  }

  /** Tries again what failed. */
  flush(): void {
    if (!this.#isBusy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    // Messages that arrive together are marked together.
    await Promise.resolve();
    for (let next = this.#newest; next.sequence > this.#done; next = this.#newest) {
      try {
        await this.#rpc.markMessagesAsRead(
          { roomId: this.#roomId, messageIds: [next.id] },
          { timeoutMs: TIMEOUT_MS },
        );
        this.#done = next.sequence;
        this.#marked();
      } catch {
        // The position covers everything before it: the next message or flush makes up for this one.
        break;
      }
    }
    this.#isBusy = false;
  }
}
