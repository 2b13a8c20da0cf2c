const BARS = '▁▂▃▄▅▆▇█';

/** The newest `width` values as a row of bars, the highest of them as high as a bar gets. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const highest = Math.max(...shown, 0);
  const bar = (value: number): string => {
    const share = highest === 0 ? 0 : Math.max(0, value) / highest;
    return BARS.charAt(Math.min(BARS.length - 1, Math.floor(share * BARS.length)));
  };
  return shown.map(bar).join('').padStart(width);
}
