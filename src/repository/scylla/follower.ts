import { aborted, pause, type Service } from '../../lifecycle.ts';
import type { Logger } from '../../logger.ts';
import type { CommitSignal } from '../postgres/commit-signal.ts';
import type { Db } from '../postgres/db.ts';
import { forgetChanges, type Lag, type LoggedChange, oldestChanges, readLag } from './change-log.ts';
import { isStoreUnavailable } from './guard.ts';
import { toMutations } from './mutations.ts';
import type { ScyllaSession } from './session.ts';

/**
 * Brings to Scylla what was noted and is not there yet. Where Scylla follows PostgreSQL that is everything; where it leads it is what a
 * process left behind that ended, or met an outage, between its commit and Scylla: the sweep.
 *
 * Invariants:
 * - One of the cluster works: the one that holds the lock. The others try to take it every `standbyMs`.
 * - Changes are written oldest first, and forgotten only after Scylla has acknowledged them. So an outage of any length loses nothing,
 *   and is caught up with by itself.
 * - A room whose changes Scylla refuses does not hold up the others; it is logged and tried again.
 */
export interface Follower extends Service {
  /** How far Scylla is behind, as of now. */
  lag(): Promise<Lag>;
}

/** What a follower needs. Times in milliseconds. */
export interface FollowerDeps {
  readonly db: Db;
  readonly session: ScyllaSession;
  readonly logger: Logger;
  /** Given after changes were forgotten: what waits for them may be published. */
  readonly applied: CommitSignal;
  /** Given after commits of this process that noted changes; missing: only the clock wakes. */
  readonly noted?: CommitSignal;
  /** Younger changes are left to the process that made them. */
  readonly minAgeMs: number;
  /** Longest time without a look. Default 500. */
  readonly pollMs?: number;
  /** Pause between attempts to take the lock. Default 1000. */
  readonly standbyMs?: number;
}

/** The advisory lock of the one who works; no other lock of the service has this key. */
export const FOLLOW_LOCK = 1_667_854_709;
const BATCH = 512;
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 5_000;
/** A lag of that age is logged, and again after as long. */
const WARN_AFTER_MS = 30_000;

/** Starts at once; stopping finishes the batch at work. */
export function createFollower(deps: FollowerDeps): Follower {
  return new ChangeFollower(deps);
}

class ChangeFollower implements Follower {
  readonly #deps: Required<Omit<FollowerDeps, 'noted'>> & Pick<FollowerDeps, 'noted'>;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #wake = new AbortController();
  #unsubscribe: () => void = () => undefined;
  #warnedAt = 0;
  /** Rooms whose changes were refused; logged once. */
  readonly #refused = new Set<string>();

  constructor(deps: FollowerDeps) {
    this.#deps = { pollMs: 500, standbyMs: 1_000, ...deps };
  }

  async start(): Promise<void> {
    if (this.#stopping.signal.aborted || this.#running !== undefined) return;
    this.#unsubscribe = this.#deps.noted?.subscribe(() => this.#wake.abort()) ?? this.#unsubscribe;
    this.#running = this.#run();
  }

  async stop(deadline?: AbortSignal): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    await (deadline === undefined ? this.#running : Promise.race([this.#running, aborted(deadline)]));
  }

  async lag(): Promise<Lag> {
    return await readLag(this.#deps.db);
  }

  async #run(): Promise<void> {
    const { db, logger, standbyMs } = this.#deps;
    while (!this.#stopping.signal.aborted) {
      const lease = await db.tryLock(FOLLOW_LOCK).catch(() => undefined);
      if (lease !== undefined) {
        try {
          await this.#follow(AbortSignal.any([lease.lost, this.#stopping.signal]));
        } finally {
          await lease
            .release()
            .catch((error: unknown) => logger.warn({ err: error }, 'releasing the follower failed'));
        }
      }
      await pause(standbyMs, this.#stopping.signal);
    }
  }

  async #follow(end: AbortSignal): Promise<void> {
    const { pollMs } = this.#deps;
    for (let backoffMs = FIRST_BACKOFF_MS; !end.aborted; ) {
      this.#wake = new AbortController();
      const moved = await this.#moveBatch();
      if (moved === undefined) {
        await this.#warn();
        await pause(backoffMs, end);
        backoffMs = Math.min(LAST_BACKOFF_MS, backoffMs * 2);
        continue;
      }
      backoffMs = FIRST_BACKOFF_MS;
      if (moved < BATCH) await pause(pollMs, AbortSignal.any([end, this.#wake.signal]));
    }
  }

  /** Writes and forgets the oldest changes; how many there were. Undefined when some could not be written. */
  async #moveBatch(): Promise<number | undefined> {
    const { db, minAgeMs, applied } = this.#deps;
    try {
      const changes = await oldestChanges(db, BATCH, minAgeMs);
      const rooms = Map.groupBy(changes, ({ roomId }) => roomId);
      const done = await Promise.all([...rooms.values()].map(async (ofRoom) => await this.#write(ofRoom)));
      const ids = done.flat();
      if (ids.length > 0) {
        await forgetChanges(db, ids);
        applied.notify();
      }
      if (ids.length === changes.length && changes.length > 0) this.#recover();
      return ids.length === changes.length ? changes.length : undefined;
    } catch {
      // PostgreSQL is away; so is everything else.
      return undefined;
    }
  }

  /** The ids of what was written. */
  async #write(changes: readonly LoggedChange[]): Promise<number[]> {
    const { session, logger } = this.#deps;
    try {
      await session.write(changes.flatMap(({ change }) => toMutations(change)));
      return changes.map(({ id }) => id);
    } catch (error) {
      const roomId = changes[0]?.roomId ?? '';
      if (!isStoreUnavailable(error) && !this.#refused.has(roomId)) {
        this.#refused.add(roomId);
        logger.error({ err: error, roomId }, 'Scylla refuses a change of a room');
      }
      return [];
    }
  }

  async #warn(): Promise<void> {
    const now = Date.now();
    const lag = await this.lag().catch(() => undefined);
    if (lag === undefined || lag.oldestAgeMs < WARN_AFTER_MS || now - this.#warnedAt < WARN_AFTER_MS) return;
    this.#warnedAt = now;
    this.#deps.logger.warn(lag, 'Failed to sync to ScyllaDB: it is behind');
  }

  #recover(): void {
    if (this.#warnedAt !== 0) this.#deps.logger.info('Scylla is being caught up with');
    this.#warnedAt = 0;
    this.#refused.clear();
  }
}
