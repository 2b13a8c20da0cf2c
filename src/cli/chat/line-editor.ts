import { graphemes } from './text.ts';

/** A line that is being typed. The cursor is an index into the text, between two characters as people count them. */
export interface Line {
  readonly text: string;
  readonly cursor: number;
}

/** Nothing typed yet. */
export const EMPTY_LINE: Line = { text: '', cursor: 0 };

/** What a key does to a line. */
export type Edit = keyof typeof EDITS;

const EDITS = {
  left: (line) => move(line, before(line)),
  right: (line) => move(line, after(line)),
  wordLeft: (line) => move(line, wordStart(line)),
  wordRight: (line) => move(line, wordEnd(line)),
  home: (line) => move(line, 0),
  end: (line) => move(line, line.text.length),
  backspace: (line) => remove(line, before(line), line.cursor),
  delete: (line) => remove(line, line.cursor, after(line)),
  deleteWord: (line) => remove(line, wordStart(line), line.cursor),
  deleteToStart: (line) => remove(line, 0, line.cursor),
  deleteToEnd: (line) => remove(line, line.cursor, line.text.length),
} as const satisfies Readonly<Record<string, (line: Line) => Line>>;

/** The line after the key. */
export function edit(line: Line, how: Edit): Line {
  return EDITS[how](line);
}

/** The line with text at the cursor. */
export function insert({ text, cursor }: Line, added: string): Line {
  return { text: text.slice(0, cursor) + added + text.slice(cursor), cursor: cursor + added.length };
}

/** A whole line with the cursor at its end. */
export function lineOf(text: string): Line {
  return { text, cursor: text.length };
}

function move({ text }: Line, cursor: number): Line {
  return { text, cursor };
}

function remove({ text }: Line, from: number, to: number): Line {
  return { text: text.slice(0, from) + text.slice(to), cursor: from };
}

function before({ text, cursor }: Line): number {
  return cursor - (graphemes(text.slice(0, cursor)).at(-1)?.length ?? 0);
}

function after({ text, cursor }: Line): number {
  return cursor + (graphemes(text.slice(cursor))[0]?.length ?? 0);
}

function wordStart({ text, cursor }: Line): number {
  return text.slice(0, cursor).replace(/\S+\s*$/, '').length;
}

function wordEnd({ text, cursor }: Line): number {
  return cursor + (/^\s*\S*/.exec(text.slice(cursor))?.[0].length ?? 0);
}

/** Lines that are remembered. */
const MAX_LINES = 100;

/** The lines that were entered, to go back to. */
export class History {
  readonly #lines: string[] = [];
  /** What was being typed when the user went back. */
  #typed = '';
  #index = 0;

  add(text: string): void {
    if (text !== '' && text !== this.#lines.at(-1)) this.#lines.push(text);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    this.#index = this.#lines.length;
  }

  /** The line before or after the shown one; undefined: there is none. */
  go(step: -1 | 1, shown: string): string | undefined {
    const next = this.#index + step;
    if (next < 0 || next > this.#lines.length) return undefined;
    if (this.#index === this.#lines.length) this.#typed = shown;
    this.#index = next;
    return this.#lines[next] ?? this.#typed;
  }
}
