/** Tells the parts of this process that wait for committed rows that there are some. Only a hint: it may be missed. */
export class CommitSignal {
  readonly #subscribers = new Set<() => void>();

  /** Wakes every subscriber; call it after the commit. */
  notify(): void {
    for (const wake of this.#subscribers) wake();
  }

  /** Returns the unsubscribe function. */
  subscribe(wake: () => void): () => void {
    const own = (): void => wake();
    this.#subscribers.add(own);
    return () => {
      this.#subscribers.delete(own);
    };
  }
}
