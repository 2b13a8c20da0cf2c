import type { Page } from '../rooms-repository.ts';

/**
 * Wraps two subqueries into one statement whose rows carry the total beside each item:
 * `total` answers one number, `items` rows with a column `found` that is true. An empty page still has one row, with the total.
 */
export function pageStatement(total: string, items: string, order: string): string {
  return `SELECT c.total, x.* FROM (SELECT (${total})::int AS total) c
    LEFT JOIN LATERAL (${items}) x ON true ORDER BY ${order}`;
}

/** The page from the rows of a {@link pageStatement}. */
export function toPage<R, T>(rows: readonly (PageRow & R)[], map: (row: R) => T): Page<T> {
  return { items: rows.filter((row) => row.found === true).map(map), total: rows[0]?.total ?? 0 };
}

/** What {@link pageStatement} adds to the items' columns; these are NULL when `found` is. */
export interface PageRow {
  readonly total: number;
  readonly found: true | null;
}

/** ISO text as seconds since the epoch, for `to_timestamp`: unlike text it is in range whatever the client's year. */
export function epochSeconds(iso: string): number {
  return Date.parse(iso) / 1000;
}
