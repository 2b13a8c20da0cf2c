import { PassThrough, Writable } from 'node:stream';
import { textWidth } from '../../src/cli/chat/text.ts';

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** A keyboard and a screen that understand what readline and the chat client write. */
export class MiniTerminal {
  readonly input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  readonly output: Writable & { columns: number; rows: number; isTTY: boolean };
  /** Everything, scrolled-out lines included. */
  #lines: string[][] = [[]];
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    const write = (chunk: unknown, _encoding: string, done: () => void): void => {
      this.#print(String(chunk));
      done();
    };
    const stream = new Writable({ write, decodeStrings: false });
    this.output = Object.assign(stream, { columns, rows, isTTY: true });
  }

  /** Types text; `\r` is the Enter key. */
  type(text: string): void {
    this.input.write(text);
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.output, { columns, rows });
    this.output.emit('resize');
  }

  /** All lines from the top, without blanks at the end of each and of all. */
  text(): string {
    return this.#lines
      .map((cells) =>
        Array.from(cells, (cell) => cell ?? ' ')
          .join('')
          .trimEnd(),
      )
      .join('\n')
      .trimEnd();
  }

  #print(text: string): void {
    // biome-ignore lint/complexity/useRegexLiterals: a literal would hold a control character
    const sequences = new RegExp('\\x1b\\[([?0-9;]*)([A-Za-z])');
    for (let rest = text; rest !== ''; ) {
      const match = rest.startsWith('\x1b') ? sequences.exec(rest) : null;
      if (match !== null) {
        this.#control(match[2] ?? '', match[1] ?? '');
        rest = rest.slice(match[0].length);
        continue;
      }
      const [first] = GRAPHEMES.segment(rest);
      const segment = first?.segment ?? rest;
      this.#put(segment);
      rest = rest.slice(segment.length);
    }
  }

  #put(segment: string): void {
    if (segment.includes('\r')) this.#column = 0;
    if (segment.includes('\n')) this.#down();
    if (/[\r\n]/.test(segment)) return;
    const width = textWidth(segment);
    if (this.#column + width > this.output.columns) {
      this.#down();
      this.#column = 0;
    }
    const line = this.#lines[this.#row] ?? [];
    line[this.#column] = segment;
    for (let extra = 1; extra < width; extra += 1) line[this.#column + extra] = '';
    this.#column += width;
  }

  #down(): void {
    this.#row += 1;
    // A terminal's newline in cooked output also returns; readline and the client never rely on the column after one.
    this.#column = 0;
    this.#lines[this.#row] ??= [];
  }

  #control(command: string, parameters: string): void {
    const [first = 0] = parameters.split(';').map(Number);
    const count = Math.max(1, first);
    const top = Math.max(0, this.#lines.length - this.output.rows);
    if (command === 'A') this.#row = Math.max(top, this.#row - count);
    if (command === 'B') this.#row = Math.min(this.#lines.length - 1, this.#row + count);
    if (command === 'C') this.#column = Math.min(this.output.columns - 1, this.#column + count);
    if (command === 'D') this.#column = Math.max(0, this.#column - count);
    if (command === 'G') this.#column = count - 1;
    if (command === 'H') {
      this.#row = top;
      this.#column = 0;
    }
    if (command === 'J' && first === 2) this.#lines.splice(top, this.output.rows, []);
    if (command === 'J' && first === 0) {
      this.#lines.splice(this.#row + 1);
      this.#lines[this.#row]?.splice(this.#column);
    }
    if (command === 'J') this.#row = Math.min(this.#row, this.#lines.length - 1);
    if (command === 'K') this.#lines[this.#row]?.splice(this.#column);
  }
}
