import { PassThrough, Writable } from 'node:stream';
import { expect } from 'vitest';
import { graphemes, textWidth } from '../../src/cli/chat/text.ts';

/** A keyboard and a screen of fixed size that understand what full-screen programs write; colours are left out. */
export class MiniTerminal {
  readonly stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
  });
  readonly stdout: Writable & { columns: number; rows: number; isTTY: boolean };
  /** Whether the alternate screen is on. */
  isAlternate = false;
  #cells: string[][] = [];
  #row = 0;
  #column = 0;
  #unfinished = '';

  constructor(columns: number, rows: number) {
    const write = (chunk: unknown, _encoding: string, done: () => void): void => {
      this.print(String(chunk));
      done();
    };
    const stream = new Writable({ write, decodeStrings: false });
    this.stdout = Object.assign(stream, { columns, rows, isTTY: true });
    this.#clear();
  }

  /** Presses keys; `\r` is Enter. */
  press(keys: string): void {
    this.stdin.write(keys);
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.stdout, { columns, rows });
    this.#cells = Array.from({ length: rows }, (_, row) => this.#cells[row] ?? []);
    this.#row = Math.min(this.#row, rows - 1);
    this.stdout.emit('resize');
  }

  /** All rows, without blanks at the end of each and of all. */
  text(): string {
    const rows = this.#cells.map((cells) =>
      Array.from(cells, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
    return rows.join('\n').trimEnd();
  }

  /** The row at which the cursor is, up to it. */
  beforeCursor(): string {
    return Array.from((this.#cells[this.#row] ?? []).slice(0, this.#column), (cell) => cell ?? ' ').join('');
  }

  /** Waits until the screen matches. */
  async shows(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.text()).toMatch(pattern);
  }

  /** Waits until the screen no longer matches. */
  async hides(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.text()).not.toMatch(pattern);
  }

  /** Takes what a program wrote. */
  print(text: string): void {
    // biome-ignore lint/complexity/useRegexLiterals: a literal would hold a control character
    const sequence = new RegExp('\\x1b\\[([?0-9;]*)([A-Za-z])', 'y');
    const all = this.#unfinished + text;
    this.#unfinished = '';
    for (let at = 0; at < all.length; ) {
      sequence.lastIndex = at;
      const match = sequence.exec(all);
      if (match !== null) {
        this.#control(match[2] ?? '', match[1] ?? '');
        at = sequence.lastIndex;
        continue;
      }
      if (all[at] === '\x1b') {
        this.#unfinished = all.slice(at);
        return;
      }
      const next = all.indexOf('\x1b', at);
      const plain = all.slice(at, next === -1 ? undefined : next);
      for (const one of graphemes(plain)) this.#put(one);
      at += plain.length;
    }
  }

  #put(one: string): void {
    if (one.includes('\r')) this.#column = 0;
    if (one.includes('\n')) this.#newLine();
    if (/[\r\n]/.test(one)) return;
    const width = textWidth(one);
    if (this.#column + width > this.stdout.columns) this.#newLine();
    const row = this.#cells[this.#row] ?? [];
    row[this.#column] = one;
    for (let extra = 1; extra < width; extra += 1) row[this.#column + extra] = '';
    this.#column += width;
  }

  /** In cooked output a newline also returns. */
  #newLine(): void {
    this.#column = 0;
    if (this.#row < this.stdout.rows - 1) this.#row += 1;
    else this.#cells = [...this.#cells.slice(1), []];
  }

  #clear(): void {
    this.#cells = Array.from({ length: this.stdout.rows }, () => []);
  }

  #control(command: string, parameters: string): void {
    const [first = 0, second = 0] = parameters.split(';').map(Number);
    const count = Math.max(1, first);
    const row = this.#cells[this.#row] ?? [];
    if (parameters === '?1049') {
      this.isAlternate = command === 'h';
      this.#clear();
    }
    if ('AF'.includes(command)) this.#row = Math.max(0, this.#row - count);
    if ('BE'.includes(command)) this.#row = Math.min(this.stdout.rows - 1, this.#row + count);
    if ('EF'.includes(command)) this.#column = 0;
    if (command === 'C') this.#column = Math.min(this.stdout.columns - 1, this.#column + count);
    if (command === 'D') this.#column = Math.max(0, this.#column - count);
    if (command === 'G') this.#column = count - 1;
    if (command === 'H') {
      this.#row = count - 1;
      this.#column = Math.max(1, second) - 1;
    }
    if (command === 'J' && first === 2) this.#clear();
    if (command === 'J' && first === 0) {
      row.splice(this.#column);
      for (let below = this.#row + 1; below < this.#cells.length; below += 1) this.#cells[below] = [];
    }
    if (command === 'K') row.splice(first === 2 ? 0 : this.#column);
  }
}
