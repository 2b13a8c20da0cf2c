import { type Identity, RefusedError, type UnaryClient, unaryClient } from '../clients.ts';

/** A few HTTP/2 connections that calls take in turn; one that broke is replaced by the next call. */
export class CallPool {
  readonly #origin: string;
  readonly #clients: UnaryClient[];
  #turn = 0;

  constructor(origin: string, connections: number) {
    this.#origin = origin;
    this.#clients = Array.from({ length: connections }, () => unaryClient('h2', origin));
  }

  /** Rejects with a RefusedError when the service refuses, with anything else when the outcome is not known. */
  async call(method: string, identity: Identity, body: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    this.#turn = (this.#turn + 1) % this.#clients.length;
    const turn = this.#turn;
    const client = this.#clients[turn];
    if (client === undefined) throw new Error('a pool needs connections');
    try {
      return await client.call(method, identity, body, signal);
    } catch (error) {
      // Others have replaced it already when it is not the same any more.
      const isBroken = !(error instanceof RefusedError) && !signal.aborted;
      if (isBroken && this.#clients[turn] === client) {
        client.close();
        this.#clients[turn] = unaryClient('h2', this.#origin);
      }
      throw error;
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
