import { storeUnavailable } from '../../src/repository/scylla/guard.ts';
import type { Mutation, ScyllaSession } from '../../src/repository/scylla/session.ts';

/** What becomes of the next write: how many of its mutations are still made, and whether anybody hears of it. */
export interface WriteFault {
  /** So many of the mutations are made; all when left out. */
  readonly made?: number;
  /** The write waits for it, and is made then. */
  readonly until?: Promise<void>;
  /** Whether the caller is told that it failed; else it is told that it was made. */
  readonly fails: boolean;
}

/** A real session whose writes break where a test says, as they do when a process or the network goes. */
export interface FaultySession extends ScyllaSession {
  /** What happens to the writes from now on; undefined: nothing. */
  fault: ((mutations: readonly Mutation[]) => WriteFault | undefined) | undefined;
  /** Every request fails, as when the store is away. */
  isAway: boolean;
}

/** Puts faults before a session. */
export function createFaultySession(session: ScyllaSession): FaultySession {
  const here = (): void => {
    if (faulty.isAway) throw storeUnavailable(new Error('the test took it away'));
  };
  const faulty: FaultySession = {
    fault: undefined,
    isAway: false,
    async read(query, params) {
      here();
      return await session.read(query, params);
    },
    async *pages(query, params, pageSize) {
      here();
      yield* session.pages(query, params, pageSize);
    },
    async write(mutations) {
      here();
      const fault = faulty.fault?.(mutations);
      await fault?.until;
      await session.write(mutations.slice(0, fault?.made));
      if (fault?.fails === true) throw storeUnavailable(new Error('the test broke the write'));
    },
    define: (statement) => session.define(statement),
    async ping() {
      here();
      await session.ping();
    },
    breakerState: () => session.breakerState(),
    close: () => session.close(),
  };
  return faulty;
}
