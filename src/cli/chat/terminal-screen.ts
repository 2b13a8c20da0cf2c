/**
 * A conversation above a prompt that survives incoming lines.
 *
 * Invariants:
 *  - Above is what scrolls (blocks), below it the footer: the status line, when there is one, and readline's prompt.
 *  - Every change first erases the footer, then writes, then draws the footer again; readline keeps what is being typed.
 *  - readline moves up by the rows that the cursor was below the prompt's first one before it draws: as many rows are given to it.
 *  - A block can be rewritten while it and everything below fit on the screen; it is remembered after that only for a resize.
 */
import { createInterface, type Interface } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Block, Render, Screen, ScreenEvents } from './screen.ts';
import { cut, textWidth } from './text.ts';

const MAX_BLOCKS = 500;
const CLEAR_BELOW = '\x1b[0J';
const CLEAR_ALL = '\x1b[2J\x1b[H';

/** See {@link openScreen}. */
export class TerminalScreen implements Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #prompt: string;
  readonly #events: ScreenEvents;
  readonly #lines: Interface;
  readonly #blocks: { render: Render }[] = [];
  readonly #onResize = (): void => this.#redraw();
  readonly #onKey = (): void => this.#pressed();
  #status = '';
  /** Rows of the status line as drawn. */
  #statusRows = 0;
  #footerShown = false;
  #closed = false;

  constructor(input: ReadStream, output: WriteStream, prompt: string, events: ScreenEvents) {
    this.#input = input;
    this.#output = output;
    this.#prompt = prompt;
    this.#events = events;
    this.#lines = createInterface({ input, output, prompt, terminal: true, historySize: 100 });
    this.#lines.on('line', (text) => this.#entered(text));
    this.#lines.on('SIGINT', () => events.end());
    this.#lines.once('close', () => events.end());
    // readline's own listener comes first, so its line already holds the key.
    input.on('keypress', this.#onKey);
    output.on('resize', this.#onResize);
    this.#draw();
  }

  add(render: Render): Block {
    const block = { render };
    this.#blocks.push(block);
    if (this.#blocks.length > MAX_BLOCKS) this.#blocks.shift();
    this.#change(() => this.#text([block]));
    return {
      update: (changed) => {
        const index = this.#blocks.indexOf(block);
        if (index === -1) return false;
        const rows = this.#rowsFrom(index);
        block.render = changed;
        if (rows + this.#footerRows() >= this.#output.rows) return false;
        this.#change(() => `${up(rows)}${CLEAR_BELOW}${this.#text(this.#blocks.slice(index))}`);
        return true;
      },
    };
  }

  setStatus(text: string): void {
    if (text === this.#status || this.#closed) return;
    this.#change(() => {
      this.#status = text;
      return '';
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#output.write(this.#eraseFooter());
    this.#closed = true;
    this.#output.off('resize', this.#onResize);
    this.#input.off('keypress', this.#onKey);
    this.#lines.close();
  }

  #pressed(): void {
    if (this.#closed) return;
    // Pasted text is written without a word to readline's account of rows, which the next drawing relies on.
    const { rows, cols } = this.#lines.getCursorPos();
    if ('prevRows' in this.#lines && this.#lines.prevRows !== rows) {
      Object.assign(this.#lines, { prevRows: cols === 0 ? rows - 1 : rows });
      this.#lines.prompt(true);
    }
    if (this.#lines.line !== '') this.#events.typing();
  }

  #entered(text: string): void {
    // readline left the cursor on the row after the entered line.
    const rows = Math.floor(textWidth(this.#prompt + text) / this.#output.columns) + 1;
    this.#output.write(`${up(rows + this.#statusRows)}${CLEAR_BELOW}`);
    this.#footerShown = false;
    this.#events.line(text);
    if (!this.#footerShown && !this.#closed) this.#draw();
  }

  #change(write: () => string): void {
    if (this.#closed) return;
    const erase = this.#eraseFooter();
    this.#output.write(erase + write());
    this.#draw();
  }

  #eraseFooter(): string {
    if (!this.#footerShown) return '';
    this.#footerShown = false;
    return `${up(this.#lines.getCursorPos().rows + this.#statusRows)}${CLEAR_BELOW}`;
  }

  #draw(): void {
    const status = this.#status === '' ? '' : `${cut(this.#status, this.#output.columns - 1)}\n`;
    this.#statusRows = status === '' ? 0 : 1;
    this.#output.write(status + '\n'.repeat(this.#lines.getCursorPos().rows));
    this.#lines.prompt(true);
    this.#footerShown = true;
  }

  #redraw(): void {
    this.#footerShown = false;
    this.#change(() => `${CLEAR_ALL}${this.#text(this.#blocks.slice(-this.#output.rows))}`);
  }

  #text(blocks: readonly { readonly render: Render }[]): string {
    return blocks.flatMap(({ render }) => render(this.#output.columns).map((line) => `${line}\n`)).join('');
  }

  #rowsFrom(index: number): number {
    return this.#blocks
      .slice(index)
      .flatMap(({ render }) => render(this.#output.columns))
      .reduce((rows, line) => rows + Math.max(1, Math.ceil(textWidth(line) / this.#output.columns)), 0);
  }

  #footerRows(): number {
    return this.#statusRows + this.#lines.getCursorPos().rows + 1;
  }
}

/** To the first column, that many rows up. */
function up(rows: number): string {
  return rows === 0 ? '\r' : `\r\x1b[${rows}A`;
}
