/** What a statement answered. `rowCount` counts rows read or written. */
export interface Rows<R> {
  readonly rows: R[];
  readonly rowCount: number;
}

/** Runs statements on one connection or on a pool. */
export interface Sql {
  /**
   * Runs one statement with `params`, or, without `params`, any number of them. JSON goes in as text.
   * A text that starts with a comment holding just a name (lower case, underscores) is prepared under that name.
   */
  query<R = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<Rows<R>>;
}

/**
 * A Postgres, whether a server (`pg`) or embedded (PGlite), with the same values from both:
 * int8 as number, timestamptz as Date, json parsed, uuid and text as string, bytea as Uint8Array, arrays as arrays.
 * Driver errors pass through; adapters wrap them.
 */
export interface Db extends Sql {
  /** Runs `work` in one READ COMMITTED transaction; rolls back when it throws. Using the Db itself inside `work` is refused. */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>;
  /**
   * Takes a session-level advisory lock on a connection of its own; undefined when it is held elsewhere.
   * `lost` aborts when that connection ends.
   */
  tryLock(key: number): Promise<{ readonly lost: AbortSignal; release(): Promise<void> } | undefined>;
  /** How its connections are used; undefined when it has only one. */
  poolUse?(): PoolUse;
  close(): Promise<void>;
}

/** Connections of a pool, and callers that wait for one. */
export interface PoolUse {
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}
