import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** One line of the result. */
export type Figure = {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** What the same run measured for the bare thing underneath. */
  readonly floor?: number;
  readonly target?: Target;
};

/** What the value is held to: a share of the floor, or an absolute bound. */
export type Target =
  | { readonly kind: 'ratio'; readonly atLeast: number }
  | { readonly kind: 'value'; readonly atMost: number };

/** The middle of several rounds; of an even number the lower middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** The value below which `share` (0 to 1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Prints the figures as one table. */
export function printTable(figures: readonly Figure[]): void {
  const rows = [
    ['figure', 'value', 'floor', 'ratio', 'target', ''],
    ...figures.map((figure) => [
      figure.name,
      `${readable(figure.value)} ${figure.unit}`,
      figure.floor === undefined ? '' : readable(figure.floor),
      ratioOf(figure)?.toFixed(2) ?? '',
      targetText(figure.target),
      verdict(figure),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(cells.join('  ').trimEnd());
  }
}

/** Writes the figures, and on what they were measured, to a JSON file. */
export function writeJson(file: URL, figures: readonly Figure[], options: object): void {
  mkdirSync(new URL('.', file), { recursive: true });
  const machine = {
    node: process.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model,
    memoryBytes: totalmem(),
  };
  const withRatio = figures.map((figure) => ({ ...figure, ratio: ratioOf(figure) }));
  const result = { at: new Date().toISOString(), machine, options, figures: withRatio };
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
}

function ratioOf(figure: Figure): number | undefined {
  return figure.floor === undefined ? undefined : figure.value / figure.floor;
}

function readable(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1);
}

function targetText(target: Target | undefined): string {
  if (target === undefined) return '';
  return target.kind === 'ratio' ? `≥ ${target.atLeast} × floor` : `≤ ${target.atMost}`;
}

function verdict(figure: Figure): string {
  const { target } = figure;
  if (target === undefined) return '';
  const met =
    target.kind === 'ratio' ? (ratioOf(figure) ?? 0) >= target.atLeast : figure.value <= target.atMost;
  return met ? 'met' : 'missed';
}
