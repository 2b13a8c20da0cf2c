import { styleText } from 'node:util';
import type { Mood } from './chat-view.ts';
import type { Item } from './conversation.ts';
import type { MessageView, Quote, Tick } from './message-view.ts';
import { cut, padTo, textWidth, wrap } from './text.ts';

/** Lines for a terminal of that many columns. */
export type Lines = (columns: number) => readonly string[];

type Format = Parameters<typeof styleText>[0];

const TICKS: Readonly<Record<Tick, readonly [text: string, format: Format]>> = {
  pending: ['…', 'dim'],
  sent: ['✓', 'dim'],
  read: ['✓✓', 'cyan'],
  failed: ['✗', 'red'],
};
/** Enough to tell people apart; one's own name is always the same colour. */
const COLOURS = [
  'yellow',
  'magenta',
  'blue',
  'red',
  'cyanBright',
  'yellowBright',
  'magentaBright',
  'blueBright',
] as const;
const MIN_NAME = 6;
const MAX_NAME = 18;
/** Columns of what a reply shows of the message that it answers. */
const MAX_QUOTE = 60;
/** Columns of text, also where there is no room for them. */
const MIN_TEXT = 10;
const TIME_WIDTH = 7;
const TICK_WIDTH = 3;

/** Turns what happens into lines. */
export class Look {
  readonly #paint: (format: Format, text: string) => string;
  readonly #me: number;
  #nameWidth = MIN_NAME;

  constructor(options: { readonly coloured: boolean; readonly me: number }) {
    this.#paint = (format, text) =>
      options.coloured ? styleText(format, text, { validateStream: false }) : text;
    this.#me = options.me;
  }

  /** Makes room for these names, as far as they are not wider than `max`. */
  align(names: Iterable<string>, max = MAX_NAME): void {
    const widths = Array.from(names, textWidth);
    this.#nameWidth = Math.min(max, Math.max(MIN_NAME, ...widths));
  }

  /** Columns of names. */
  get nameWidth(): number {
    return this.#nameWidth;
  }

  /** What was said or happened; with a number in place of the time when there is one. */
  item(item: Item, number?: number): Lines {
    const head = number === undefined ? this.#time(item.at) : this.#number(number);
    return item.kind === 'system' ? this.#system(head, item.text) : this.#message(head, item.view);
  }

  /** What the client itself has to say. */
  notice(text: string, mood: Mood): Lines {
    const format = mood === 'good' ? 'green' : mood === 'bad' ? 'yellow' : 'dim';
    return (columns) => wrap(text, columns).map((line) => this.#paint(format, line));
  }

  /** Between what was read and what was not. */
  unread(): Lines {
    return (columns) => [this.#paint('red', centred(' new ', columns))];
  }

  /** Where the known part of a conversation begins. */
  beginning(text: string): Lines {
    return (columns) => [this.#paint('dim', centred(` ${text} `, columns))];
  }

  /** Something less important. */
  faint(text: string): string {
    return this.#paint('dim', text);
  }

  /** Before the first message of another day. */
  day(at: Date): Lines {
    const text = at.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
    return () => [this.#paint('dim', `─── ${text} ───`)];
  }

  /** The room's name and what is to know about it. */
  title(name: string, about = ''): Lines {
    return () => ['', `${this.#paint(['bold', 'cyan'], name)}  ${this.#paint('dim', about)}`, ''];
  }

  /** Rows of cells, aligned; the first cell of each in that colour. */
  table(rows: readonly (readonly string[])[]): Lines {
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => textWidth(row[column] ?? ''))),
    );
    return () =>
      rows.map((row) => {
        const cells = row.map((cell, column) => padTo(cell, widths[column] ?? 0));
        return `  ${this.#paint('bold', cells[0] ?? '')}  ${cells.slice(1).join('  ')}`.trimEnd();
      });
  }

  /** A message: time, name, tick, text; what it answers above it, reactions below. */
  #message(time: string, view: MessageView): Lines {
    return (columns) => {
      const name = this.#paint(['bold', this.#colour(view.senderId)], padTo(view.name, this.#nameWidth));
      const [tick, format] = view.tick === undefined ? ['', 'dim' as const] : TICKS[view.tick];
      const head = `${time}${name}  ${this.#paint(format, padTo(tick, TICK_WIDTH))}`;
      const [first = '', ...rest] = this.#body(view, Math.max(MIN_TEXT, columns - this.#indent));
      return [head + first, ...rest.map((line) => ' '.repeat(this.#indent) + line)];
    };
  }

  /** Something that happened in the room. */
  #system(time: string, text: string): Lines {
    return (columns) => {
      const [first = '', ...rest] = wrap(`• ${text}`, columns - TIME_WIDTH);
      const lines = [first, ...rest.map((line) => `  ${line}`)].map((line) => this.#paint('dim', line));
      return lines.map((line, index) => (index === 0 ? time : ' '.repeat(TIME_WIDTH)) + line);
    };
  }

  get #indent(): number {
    return TIME_WIDTH + this.#nameWidth + 2 + TICK_WIDTH;
  }

  #time(at: Date): string {
    return `${this.#paint('dim', at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' }))}  `;
  }

  #number(number: number): string {
    return `${this.#paint(['bold', 'cyan'], `${number}`.padStart(TIME_WIDTH - 2))}  `;
  }

  #colour(userId: number) {
    return userId === this.#me ? 'green' : (COLOURS[userId % COLOURS.length] ?? 'blue');
  }

  #body(view: MessageView, columns: number): string[] {
    if (view.deleted) return [this.#paint(['dim', 'italic'], 'deleted')];
    const reply = view.reply === undefined ? [] : [this.#quote(view.reply, columns)];
    const forwarded =
      view.forwardedFrom === undefined
        ? []
        : [this.#paint('dim', cut(`↷ forwarded from ${view.forwardedFrom}`, columns))];
    const text = view.text ?? '🔒 encrypted with another key';
    const lines = wrap(view.edited ? `${text} (edited)` : text, columns);
    const reactions = view.reactions.length === 0 ? [] : wrap(view.reactions.join('  '), columns);
    const problem = view.problem === undefined ? [] : [this.#paint('red', view.problem)];
    return [...reply, ...forwarded, ...lines, ...reactions, ...problem];
  }

  #quote({ name, text }: Quote, columns: number): string {
    return this.#paint('dim', cut(`↪ ${name}: ${text ?? '🔒'}`, Math.min(columns, MAX_QUOTE)));
  }
}

/** In the middle of a line. */
function centred(text: string, columns: number): string {
  const left = Math.max(0, Math.floor((columns - textWidth(text)) / 2));
  return '─'.repeat(left) + text + '─'.repeat(Math.max(0, columns - textWidth(text) - left));
}
