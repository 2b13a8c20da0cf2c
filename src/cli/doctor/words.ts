/** A time of that length in words, such as `0.4 ms`, `12 s` or `3 d`. */
export function duration(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** An amount in words, such as `3.4 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Where an address leads: without login, without parameters; `path` keeps its path, which names a database. */
export function place(url: string, path: 'path' | 'no path' = 'no path'): string {
  if (!URL.canParse(url)) return '(an address)';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${path === 'path' ? pathname : ''}`;
}

/** Why something failed, in one line: no stack, and no login of an address that a driver may quote. */
export function reason(error: unknown): string {
  const text = textOf(error).split('\n')[0] ?? '';
  return text.replaceAll(/\/\/[^/@\s"']*@/g, '//');
}

/** A refused connection is an AggregateError without a text of its own, and fetch hides the cause. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error && /^fetch failed/.test(error.message)) return textOf(error.cause);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
