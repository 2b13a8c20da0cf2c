/** A column of Scylla, the column of PostgreSQL that it shows, and whether that is a time. */
export type ColumnPair = readonly [scylla: string, postgres: string, kind?: 'time'];

/** The names of the columns of Scylla whose values differ. Nothing and null are the same; times are compared to the millisecond. */
export function differences(columns: readonly ColumnPair[], image: object, row: object): string[] {
  return columns
    .filter(([scylla, postgres, kind]) => {
      const value = plainValue(image, postgres);
      const expected = kind === 'time' && typeof value === 'string' ? Date.parse(value) : value;
      return expected !== plainValue(row, scylla);
    })
    .map(([scylla]) => scylla);
}

function plainValue(object: object, name: string): unknown {
  const value: unknown = Object.getOwnPropertyDescriptor(object, name)?.value;
  return value instanceof Date ? value.getTime() : (value ?? null);
}

/** Whether two lists hold the same texts, in whatever order. */
export function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  const sorted = other.toSorted();
  return one.length === other.length && one.toSorted().every((text, index) => text === sorted[index]);
}
