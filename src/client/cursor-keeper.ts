/** Where a cursor survives the end of the app: local storage, a file, a row. One for each user, client id and room filter. */
export interface CursorStore {
  /** Undefined when there is none yet. */
  load(): Promise<string | undefined>;
  /** Replaces the one before. Called with one cursor at a time. */
  save(cursor: string): Promise<void>;
}

/** Keeps the cursor of what was handled: one save at a time, and after it the newest, however many came meanwhile. */
export class CursorKeeper {
  readonly #store: CursorStore | undefined;
  #newest = '';
  #saved = '';
  #saving: Promise<void> | undefined;

  constructor(store: CursorStore | undefined) {
    this.#store = store;
  }

  /** Everything up to here was handled. */
  handled(cursor: string): void {
    if (cursor === '') return;
    this.#newest = cursor;
    if (this.#store !== undefined) this.#saving ??= this.#save(this.#store);
  }

  /** Resolves when nothing waits to be saved. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  async #save(store: CursorStore): Promise<void> {
    while (this.#saved !== this.#newest) {
      const cursor = this.#newest;
      // A store that fails must not end the chat: an older cursor repeats some events, it loses none. The next one is tried again.
      await Promise.resolve()
        .then(() => store.save(cursor))
        .catch(() => undefined);
      this.#saved = cursor;
    }
    this.#saving = undefined;
  }
}
