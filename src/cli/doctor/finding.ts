import { styleText } from 'node:util';

/** What it is about; findings are shown in this order. */
const GROUPS = [
  'settings',
  'machine',
  'data',
  'postgres',
  'events',
  'nats',
  'redis',
  'scylla',
  'services',
] as const;
export type Group = (typeof GROUPS)[number];
/** `warn`: it works, and somebody should know; `fail`: it does not, or will not. */
export type State = 'ok' | 'warn' | 'fail';

/** One line of the report. */
export interface Finding {
  readonly group: Group;
  /** What of it, for those who read the JSON. A setting that is shown and contradicts another has two findings. */
  readonly name: string;
  readonly state: State;
  /** One sentence; never a secret. */
  readonly text: string;
  /** What to do about it. */
  readonly todo?: string;
  /** The figures behind the sentence. Times in milliseconds. */
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
}

/** The worst state of all. */
export function worst(findings: readonly Finding[]): State {
  const states = new Set(findings.map(({ state }) => state));
  return states.has('fail') ? 'fail' : states.has('warn') ? 'warn' : 'ok';
}

/** As JSON: the whole, then every finding. */
export function toJson(findings: readonly Finding[]): string {
  return JSON.stringify({ state: worst(findings), counts: countsOf(findings), findings }, null, 2);
}

const WIDTH = 100;
const TITLES: Readonly<Record<Group, string>> = {
  settings: 'Settings',
  machine: 'This machine',
  data: 'Data on this machine',
  postgres: 'PostgreSQL',
  events: 'Work that waits',
  nats: 'NATS JetStream',
  redis: 'Redis',
  scylla: 'Scylla',
  services: 'Other services',
};
const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** For people: groups of aligned lines, at most 100 columns wide, and the sum at the end. */
export function render(findings: readonly Finding[], coloured: boolean): string {
  const paint: Paint = (format, text) =>
    coloured ? styleText(format, text, { validateStream: false }) : text;
  const groups = GROUPS.map((group) => findings.filter((finding) => finding.group === group));
  const sections = groups
    .filter((group) => group.length > 0)
    .map((group) =>
      [paint('bold', TITLES[group[0]?.group ?? 'settings']), ...linesOf(group, paint)].join('\n'),
    );
  return [...sections, summary(findings, paint)].join('\n\n');
}

function linesOf(group: readonly Finding[], paint: Paint): string[] {
  const nameWidth = Math.max(...group.map(({ name }) => name.length));
  const indent = ' '.repeat(2 + 4 + 2 + nameWidth + 2);
  return group.flatMap(({ name, state, text, todo }) => {
    const said = wrap(text, WIDTH - indent.length);
    const advice = todo === undefined ? [] : wrap(`→ ${todo}`, WIDTH - indent.length);
    const [first = '', ...rest] = said;
    return [
      `  ${paint(COLOURS[state], state.padEnd(4))}  ${name.padEnd(nameWidth)}  ${first}`,
      ...[...rest, ...advice].map((line) => indent + line),
    ];
  });
}

/** Broken at spaces; a word that is longer than a line, between two characters. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = word.match(new RegExp(`.{1,${width}}`, 'g')) ?? [''];
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? '';
  }
  return [...lines, line];
}

function summary(findings: readonly Finding[], paint: Paint): string {
  const { ok, warn, fail } = countsOf(findings);
  const state = worst(findings);
  const sum = `${ok} ok, ${warn} ${warn === 1 ? 'warning' : 'warnings'}, ${fail} ${fail === 1 ? 'failure' : 'failures'}`;
  return paint(COLOURS[state], sum);
}

function countsOf(findings: readonly Finding[]): Readonly<Record<State, number>> {
  const count = (state: State): number => findings.filter((finding) => finding.state === state).length;
  return { ok: count('ok'), warn: count('warn'), fail: count('fail') };
}

type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;
