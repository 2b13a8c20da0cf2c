import type { Paging } from './rooms-repository.ts';

/** Rooms, or users (participants, readers, reactors), that a call without paging answers at most. */
export const UNPAGED = 1000;
/** Messages that a history without paging answers at most. */
export const UNPAGED_MESSAGES = 100;
/** Messages of one synchronisation, over all rooms. */
export const SYNC_MESSAGES = 10_000;

/** LIMIT and OFFSET of a list: a page when both numbers are at least 1, else the first `unpaged` rows. */
export function pageWindow({ page, limit }: Paging, unpaged: number): { limit: number; offset: number } {
  if (page < 1 || limit < 1) return { limit: unpaged, offset: 0 };
  return { limit, offset: (page - 1) * limit };
}
