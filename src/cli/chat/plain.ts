import { createInterface, type Interface } from 'node:readline';
import type { ChatView, Mood } from './chat-view.ts';
import { COMMAND_HELP } from './commands.ts';
import type { Conversation, Item } from './conversation.ts';
import { type Lines, Look } from './look.ts';
import type { RoomEntry } from './room-list.ts';
import type { ChatSession } from './session.ts';

/** For scripts: writes lines for everything that happens in the open room, and again for what is another than before. */
export class PlainView implements ChatView {
  readonly #output: NodeJS.WritableStream;
  readonly #look: Look;
  #lastDay = '';
  #lastTyping = '';

  constructor(output: NodeJS.WritableStream, me: number) {
    this.#output = output;
    this.#look = new Look({ coloured: 'hasColors' in output && output.hasColors === true, me });
  }

  opened({ name }: RoomEntry, { items, members }: Conversation, about: string): void {
    this.#look.align(members.names);
    this.#lastDay = '';
    this.#write(this.#look.title(name, `${about} · /help`));
    for (const item of items) this.item(item);
  }

  item(item: Item): void {
    const day = item.at.toDateString();
    if (day !== this.#lastDay) this.#write(this.#look.day(item.at));
    this.#lastDay = day;
    this.#write(this.#look.item(item));
  }

  notice(text: string, mood: Mood): void {
    this.#write(this.#look.notice(text, mood));
  }

  table(_title: string, rows: readonly (readonly string[])[]): void {
    this.#write(this.#look.table(rows));
  }

  help(): void {
    this.#write(this.#look.table(COMMAND_HELP));
  }

  typing(text: string): void {
    if (text === this.#lastTyping) return;
    this.#lastTyping = text;
    if (text !== '') this.#write(this.#look.notice(text, 'plain'));
  }

  prefill(text: string): void {
    this.#write(this.#look.notice(`type the new text instead of: ${text}`, 'plain'));
  }

  changed(): void {
    // Lines that were written stay as they are.
  }

  #write(lines: Lines): void {
    this.#output.write(`${lines(Number.POSITIVE_INFINITY).join('\n')}\n`);
  }
}

/** Runs the session on lines of input, from when the room is open; the end of the input quits it. */
export async function runPlain(session: ChatSession, input: NodeJS.ReadableStream): Promise<void> {
  let lines: Interface | undefined;
  try {
    await session.run(() => {
      lines = createInterface({ input, terminal: false });
      lines.on('line', (text) => session.line(text));
      lines.once('close', () => void session.finish());
    });
  } finally {
    lines?.close();
  }
}
