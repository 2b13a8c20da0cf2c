import { styleText } from 'node:util';
import type { Render } from './screen.ts';
import { padTo, textWidth, wrap } from './text.ts';

/** How something is painted; without colours the text stays as it is. */
export type Paint = (format: Format, text: string) => string;
type Format = Parameters<typeof styleText>[0];

/** Where a message of one's own stands. */
export type Tick = 'pending' | 'sent' | 'read' | 'failed';

/** A message as it is shown. */
export interface MessageView {
  readonly at: Date;
  readonly senderId: number;
  readonly name: string;
  /** Undefined: can't be decrypted. */
  readonly text: string | undefined;
  /** Undefined: somebody else's. */
  readonly tick: Tick | undefined;
  readonly reply: { readonly name: string; readonly text: string | undefined } | undefined;
  readonly reactions: readonly string[];
  readonly edited: boolean;
  readonly deleted: boolean;
  /** Why it was not sent. */
  readonly problem: string | undefined;
}

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
const MAX_NAME = 18;
const TIME_WIDTH = 7;
const TICK_WIDTH = 3;

/** Turns what happens into lines. */
export class Look {
  readonly #paint: Paint;
  readonly #me: number;
  #nameWidth = 6;

  constructor(options: { readonly coloured: boolean; readonly me: number }) {
    this.#paint = (format, text) =>
      options.coloured ? styleText(format, text, { validateStream: false }) : text;
    this.#me = options.me;
  }

  /** Makes room for these names. */
  align(names: readonly string[]): void {
    this.#nameWidth = Math.min(MAX_NAME, Math.max(this.#nameWidth, ...names.map(textWidth)));
  }

  /** A message: time, name, tick, text; what it answers above it, reactions below. */
  message(view: MessageView): Render {
    return (columns) => {
      const name = this.#paint(['bold', this.#colour(view.senderId)], padTo(view.name, this.#nameWidth));
      const [tick, format] = view.tick === undefined ? ['', 'dim' as const] : TICKS[view.tick];
      const head = `${this.#time(view.at)}${name}  ${this.#paint(format, padTo(tick, TICK_WIDTH))}`;
      const [first = '', ...rest] = this.#body(view, columns - this.#indent);
      return [head + first, ...rest.map((line) => ' '.repeat(this.#indent) + line)];
    };
  }

  /** Something that happened in the room. */
  system(at: Date, text: string): Render {
    return (columns) => {
      const [first = '', ...rest] = wrap(`• ${text}`, columns - TIME_WIDTH);
      const lines = [first, ...rest.map((line) => `  ${line}`)].map((line) => this.#paint('dim', line));
      return lines.map((line, index) => (index === 0 ? this.#time(at) : ' '.repeat(TIME_WIDTH)) + line);
    };
  }

  /** What the client itself has to say. */
  notice(text: string, kind: 'good' | 'bad' | 'plain' = 'plain'): Render {
    const format = kind === 'good' ? 'green' : kind === 'bad' ? 'yellow' : 'dim';
    return (columns) => wrap(text, columns).map((line) => this.#paint(format, line));
  }

  /** Before the first message of another day. */
  day(at: Date): Render {
    const text = at.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
    return () => [this.#paint('dim', `─── ${text} ───`)];
  }

  /** The room's name and what is to know about it. */
  title(name: string, about: string): Render {
    return () => ['', `${this.#paint(['bold', 'cyan'], name)}  ${this.#paint('dim', about)}`, ''];
  }

  /** Rows of cells, aligned; the first cell of each in that colour. */
  table(rows: readonly (readonly string[])[]): Render {
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => textWidth(row[column] ?? ''))),
    );
    return () =>
      rows.map((row) => {
        const cells = row.map((cell, column) => padTo(cell, widths[column] ?? 0));
        return `  ${this.#paint('bold', cells[0] ?? '')}  ${cells.slice(1).join('  ')}`.trimEnd();
      });
  }

  /** One line of status. */
  status(text: string): string {
    return text === '' ? '' : this.#paint(['dim', 'italic'], text);
  }

  get #indent(): number {
    return TIME_WIDTH + this.#nameWidth + 2 + TICK_WIDTH;
  }

  #time(at: Date): string {
    return `${this.#paint('dim', at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' }))}  `;
  }

  #colour(userId: number) {
    return userId === this.#me ? 'green' : (COLOURS[userId % COLOURS.length] ?? 'blue');
  }

  #body(view: MessageView, columns: number): string[] {
    if (view.deleted) return [this.#paint(['dim', 'italic'], 'deleted')];
    const reply = view.reply === undefined ? [] : [this.#quote(view.reply, columns)];
    const text = view.text ?? '🔒 encrypted with another key';
    const lines = wrap(view.edited ? `${text} (edited)` : text, columns);
    const reactions = view.reactions.length === 0 ? [] : wrap(view.reactions.join('  '), columns);
    const problem = view.problem === undefined ? [] : [this.#paint('red', view.problem)];
    return [...reply, ...lines, ...reactions, ...problem];
  }

  #quote(
    { name, text }: { readonly name: string; readonly text: string | undefined },
    columns: number,
  ): string {
    const [first = '', ...rest] = wrap(`↪ ${name}: ${text ?? '🔒'}`, Math.min(columns, 60));
    return this.#paint('dim', rest.length === 0 ? first : `${first}…`);
  }
}
