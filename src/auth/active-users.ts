import type { UsersRepository } from '../repository/users-repository.ts';

/** Tells whether users exist and are not removed. */
export interface ActiveUsers {
  /** At most one second out of date. Rejects when the store can't be asked. */
  isActive(userId: number): Promise<boolean>;
}

/** A removed user is out within a second: an answer is not kept longer. */
const KEEP_MS = 1_000;
const MAX_ENTRIES = 100_000;

/**
 * Remembers answers of the repository for at most a second, so that a busy user costs one look-up a second.
 * Look-ups of different users are batched by the repository.
 */
export function createActiveUsers(users: Pick<UsersRepository, 'activeUsers'>): ActiveUsers {
  // In order of their age, the oldest first.
  const entries = new Map<number, { readonly until: number; readonly active: Promise<boolean> }>();

  const forgetOld = (now: number): void => {
    for (const [id, entry] of entries) {
      if (entry.until > now && entries.size < MAX_ENTRIES) return;
      entries.delete(id);
    }
  };

  return {
    isActive(userId) {
      const now = Date.now();
      const entry = entries.get(userId);
      if (entry !== undefined && entry.until > now) return entry.active;
      entries.delete(userId);
      forgetOld(now);
      // Kept from the moment of asking: the answer may be as old as that.
      const active = users.activeUsers([userId]).then((ids) => ids.has(userId));
      entries.set(userId, { until: now + KEEP_MS, active });
      // Only good news is kept: a user who was just added is let in at once.
      const forget = (): void => {
        if (entries.get(userId)?.active === active) entries.delete(userId);
      };
      active.then((yes) => {
        if (!yes) forget();
      }, forget);
      return active;
    },
  };
}
