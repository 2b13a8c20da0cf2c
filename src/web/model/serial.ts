/** Does one thing after the other, in the order in which they were asked for. */
export class Serial {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** What waits or runs. */
  get size(): number {
    return this.#waiting;
  }

  /** Resolves when it is done; rejects when it failed, which stops nothing that comes after it. */
  async run(work: () => Promise<void>): Promise<void> {
    this.#waiting += 1;
    const done = this.#last.then(work).finally(() => {
      this.#waiting -= 1;
    });
    this.#last = done.catch(() => undefined);
    await done;
  }
}
