import { types } from 'cassandra-driver';

/** A statement that puts the given columns; its parameters are theirs and the clock. */
export function insertion(table: string, columns: readonly string[]): string {
  return `INSERT INTO {ks}.${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) USING TIMESTAMP ?`;
}

/** Of a new row: nothing is written for what is empty, which would leave a tombstone. */
export function given<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}

/** A time of a row; nothing is written for a missing one. */
export function time(iso: string | null | undefined): Date | undefined {
  return typeof iso === 'string' ? new Date(iso) : undefined;
}

/** Empty in a row that had it: emptied. */
export function cleared(iso: string | null, old: string | null | undefined): Date | null | undefined {
  return iso === null && typeof old === 'string' ? null : time(iso);
}

/** Whether both are the same moment, however it is written, or both missing. */
export function sameTime(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Date.parse(one) === Date.parse(other);
}

/** A write timestamp, as the driver takes it. */
export function stamp(clock: number): types.Long {
  return types.Long.fromNumber(clock);
}
