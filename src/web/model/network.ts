/** `fetch` with a switch: off, requests fail and running ones end as if the network were gone. */
export class Network {
  #gone = new AbortController();

  get isOn(): boolean {
    return !this.#gone.signal.aborted;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const off = this.#gone.signal;
    // A signal that has aborted rejects with this, too.
    if (off.aborted) throw off.reason;
    const signal = init.signal ? AbortSignal.any([init.signal, off]) : off;
    return await globalThis.fetch(input, { ...init, signal });
  };

  turn(on: boolean): void {
    if (on === this.isOn) return;
    if (on) this.#gone = new AbortController();
    // What `fetch` says when there is no network.
    else this.#gone.abort(new TypeError('Failed to fetch'));
  }
}
