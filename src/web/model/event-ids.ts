const MAX_IDS = 4_096;

/** Ids of events that this tab has taken in, the newest ones: none is taken twice. */
export class EventIds {
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Answers false when it was there already; what has no id never was. */
  add(id: string): boolean {
    if (id === '') return true;
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= MAX_IDS) break;
      this.#ids.delete(oldest);
    }
    return true;
  }
}
