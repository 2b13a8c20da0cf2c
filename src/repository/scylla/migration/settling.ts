import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '../../postgres/db.ts';

/** What a comparison of a room found. */
export interface Findings {
  readonly mismatches: readonly string[];
}

const ATTEMPTS = 3;
const PAUSE_MS = 100;
const PATIENCE_MS = 10_000;
/** Once a room was waited for in vain: Scylla may be far behind, and there may be many. */
const IMPATIENCE_MS = 500;

/** Compares rooms that may be changing meanwhile. */
export interface Settling {
  /**
   * What the comparison finds again and again while nothing is noted for the room that Scylla lacks; undefined when that does not
   * become true in time: Scylla is behind.
   */
  settle<T extends Findings>(roomId: string, compare: () => Promise<T>): Promise<T | undefined>;
}

/** Waits `patienceMs` for a room. */
export function createSettling(sql: Sql, patienceMs: number = PATIENCE_MS): Settling {
  let patience = patienceMs;
  return {
    async settle(roomId, compare) {
      const begun = Date.now();
      for (let attempt = 1; ; ) {
        const wasCaughtUp = await isCaughtUpWith(sql, roomId);
        const found = await compare();
        if (found.mismatches.length === 0) {
          if (attempt > 1) patience = patienceMs;
          return found;
        }
        // What was committed and brought over meanwhile may have been read from one store only: it is looked for again.
        const isCaughtUp = wasCaughtUp && (await isCaughtUpWith(sql, roomId));
        if (isCaughtUp && attempt >= ATTEMPTS) return found;
        if (isCaughtUp) attempt += 1;
        else if (Date.now() - begun >= patience) {
          patience = Math.min(IMPATIENCE_MS, patienceMs);
          return undefined;
        }
        await delay(PAUSE_MS);
      }
    },
  };
}

/** Whether nothing is noted for the room. Changes that nobody notes are differences for good. */
async function isCaughtUpWith(sql: Sql, roomId: string): Promise<boolean> {
  const { rows } = await sql.query<{ noted: boolean }>(
    '/* room_has_changes */ SELECT EXISTS (SELECT FROM scylla_change WHERE room_id = $1::uuid) AS noted',
    [roomId],
  );
  return rows[0]?.noted === false;
}
