/** What a service told at /metrics. */
export interface Scrape {
  readonly text: string;
  /** Names of the metrics that have a description. */
  readonly names: readonly string[];
  /** Sum over the series of a name that have these labels; undefined when there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  /** The values that a label takes. */
  labelValues(label: string): readonly string[];
}

/** Reads the metrics of a running service. */
export async function scrape(url: string): Promise<Scrape> {
  const answer = await fetch(`${url}/metrics`);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}: ${text}`);
  const series = text.split('\n').flatMap(parse);
  return {
    text,
    names: [...text.matchAll(/^# HELP (\S+)/gm)].map((match) => match[1] ?? ''),
    value(name, labels = {}) {
      const found = series.filter(
        (one) =>
          one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
      );
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    },
    labelValues: (label) => [...new Set(series.flatMap(({ labels }) => labels[label] ?? []))],
  };
}

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function parse(line: string): Series[] {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) return [];
  const [, name = '', labels = '', value = ''] = match;
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [
    key,
    text,
  ]);
  return [{ name, labels: Object.fromEntries(pairs), value: Number(value.replace('Nan', 'NaN')) }];
}
