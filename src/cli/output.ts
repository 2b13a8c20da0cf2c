import { harmless, padTo, textWidth } from './chat/text.ts';

/** Rows in columns for a terminal; nothing in them can steer it. */
export function columns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(harmless));
  const count = Math.max(0, ...cells.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, index) =>
    Math.max(...cells.map((row) => textWidth(row[index] ?? ''))),
  );
  return cells
    .map((row) =>
      row
        .map((cell, index) => padTo(cell, widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** JSON for programs: indented for those who look at it. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
