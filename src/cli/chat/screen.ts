import type { ChatView, Mood } from './chat-view.ts';
import { COMMAND_HELP } from './commands.ts';
import { type Row, scrolled } from './layout.ts';
import { type Edit, EMPTY_LINE, edit, History, insert, type Line, lineOf } from './line-editor.ts';
import type { ChatSession } from './session.ts';
import { harmless } from './text.ts';

/** Something that the client says for a while. */
export interface News {
  readonly text: string;
  readonly mood: Mood;
  readonly at: number;
}

/** What a command answered: shown instead of the conversation until Escape. */
export interface Panel {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
}

/** Rows of which so many are on the screen, up to the one with that key; the last ones without. */
export interface Page {
  readonly rows: readonly Row[];
  readonly height: number;
  readonly bottomKey: string | undefined;
}

const KEY_HELP = [
  ['Tab, Ctrl-N', 'next room; Shift-Tab and Ctrl-P: the one before'],
  ['Ctrl-G', 'next room with something unread'],
  ['Ctrl-T', 'list of rooms on and off'],
  ['PageUp, PageDown', 'history'],
  ['Up, Down', 'lines that were entered before'],
  ['Esc', 'closes this, gives up a reply, goes to the newest message'],
  ['Ctrl-C', 'leaves when everything is sent; twice: at once'],
] as const;

/** A key takes news away that were there for so long. */
const NEWS_MS = 3_000;
/** Rows that stay when a page is turned. */
const OVERLAP = 2;

/** What is on a full screen beside the session's own state, and what keys do to it. */
export class Screen implements ChatView {
  readonly session: ChatSession;
  readonly #listeners = new Set<() => void>();
  readonly #history = new History();
  /** What is being typed, by room. */
  readonly #lines = new Map<string, Line>();
  #version = 0;
  #news: News | undefined;
  #panel: Panel | undefined;
  #typing = '';
  #bottomKey: string | undefined;
  #isListToggled = false;
  #isLoading = false;
  #isLeaving = false;

  /** `open` makes the session that tells this view. */
  constructor(open: (view: ChatView) => ChatSession) {
    this.session = open(this);
  }

  /** Another number whenever something is another than before. */
  readonly version = (): number => this.#version;

  /** Hears of every change; answers how to stop that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  get line(): Line {
    return this.#lines.get(this.#roomId) ?? EMPTY_LINE;
  }

  get news(): News | undefined {
    return this.#news;
  }

  get panel(): Panel | undefined {
    return this.#panel;
  }

  /** Who types in the open room, in words; empty: nobody. */
  get typingText(): string {
    return this.#typing;
  }

  /** Key of the row at the bottom of the screen; undefined: the newest, whatever comes. */
  get bottomKey(): string | undefined {
    return this.#bottomKey;
  }

  /** The list of rooms is shown where it is not otherwise, or the other way around. */
  get isListToggled(): boolean {
    return this.#isListToggled;
  }

  /** What is typed is about a message by its number. */
  get asksForNumber(): boolean {
    return /^\/(reply|edit|delete|react)\b/.test(this.line.text);
  }

  opened(): void {
    this.#panel = undefined;
    this.#bottomKey = undefined;
    this.changed();
  }

  item(): void {
    // The conversation has it, and tells that it has changed.
  }

  notice(text: string, mood: Mood): void {
    this.#news = { text, mood, at: Date.now() };
    this.changed();
  }

  table(title: string, rows: readonly (readonly string[])[]): void {
    this.#panel = { title, rows };
    this.#bottomKey = undefined;
    this.changed();
  }

  help(): void {
    this.table('Commands and keys', [...COMMAND_HELP, ['', ''], ...KEY_HELP]);
  }

  typing(text: string): void {
    this.#typing = text;
    this.changed();
  }

  prefill(text: string): void {
    this.#setLine(lineOf(text));
  }

  changed(): void {
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  /** Text that was typed or pasted, in one line. */
  type(text: string): void {
    this.#settle();
    this.#setLine(insert(this.line, harmless(text)));
    if (!this.line.text.startsWith('/')) this.session.typing();
  }

  edit(how: Edit): void {
    this.#settle();
    this.#setLine(edit(this.line, how));
  }

  enter(): void {
    const { text } = this.line;
    this.#news = undefined;
    this.#panel = undefined;
    this.#bottomKey = undefined;
    this.#history.add(text);
    this.#setLine(EMPTY_LINE);
    this.session.line(text);
  }

  /** Gives up one thing: what a command answered, a reply or an edit, having scrolled. */
  escape(): void {
    this.#news = undefined;
    if (this.#panel !== undefined) this.#panel = undefined;
    else if (this.session.target !== undefined) this.#giveUpTarget();
    else this.#bottomKey = undefined;
    this.changed();
  }

  /** The line that was entered before or after the shown one. */
  recall(step: -1 | 1): void {
    const text = this.#history.go(step, this.line.text);
    if (text !== undefined) this.#setLine(lineOf(text));
  }

  /** Opens the room so many places further down the list, around its ends. */
  goRoom(step: number): void {
    const rooms = this.session.rooms.all;
    const index = rooms.findIndex(({ id }) => id === this.#roomId);
    this.#open(rooms.at((index + step) % rooms.length)?.id);
  }

  /** Opens the next room where something is unread. */
  goUnread(): void {
    const rooms = this.session.rooms.all;
    const index = rooms.findIndex(({ id }) => id === this.#roomId);
    const next = [...rooms.slice(index + 1), ...rooms.slice(0, index + 1)].find(({ unread }) => unread > 0);
    if (next === undefined) this.notice('everything is read', 'plain');
    else this.#open(next.id);
  }

  toggleList(): void {
    this.#isListToggled = !this.#isListToggled;
    this.changed();
  }

  /** Turns so many pages down, or up when negative; above the first one older messages are loaded. */
  turn(pages: number, { rows, height, bottomKey }: Page): void {
    const by = pages * Math.max(1, height - OVERLAP);
    const end = this.#panel === undefined ? undefined : rows.at(-1)?.key;
    this.#bottomKey = scrolled(rows, height, bottomKey, by) ?? end;
    const index = rows.findIndex(({ key }) => key === this.#bottomKey);
    if (pages < 0 && this.#panel === undefined && index < 2 * height) this.#loadOlder();
    this.changed();
  }

  /** Quits when everything is sent; the second time at once. */
  leave(): void {
    if (this.#isLeaving) this.session.quit();
    this.#isLeaving = true;
    if (this.session.waiting > 0) this.notice('sending what waits; once more leaves at once', 'plain');
    void this.session.finish();
  }

  get #roomId(): string {
    return this.session.room?.id ?? '';
  }

  #open(roomId: string | undefined): void {
    if (roomId === undefined || roomId === this.#roomId) return;
    this.#news = undefined;
    this.#panel = undefined;
    this.#bottomKey = undefined;
    this.session.open(roomId);
    // A loaded one is not opened anew.
    this.changed();
  }

  #loadOlder(): void {
    if (this.#isLoading || this.session.conversation?.hasOlder !== true) return;
    this.#isLoading = true;
    this.session.attempt('', async () => {
      try {
        await this.session.older();
      } finally {
        this.#isLoading = false;
      }
    });
  }

  #giveUpTarget(): void {
    if (this.session.target?.kind === 'edit') this.#setLine(EMPTY_LINE);
    this.session.aim(undefined);
  }

  #settle(): void {
    if (this.#news !== undefined && Date.now() - this.#news.at > NEWS_MS) this.#news = undefined;
  }

  #setLine(line: Line): void {
    if (line.text === '') this.#lines.delete(this.#roomId);
    else this.#lines.set(this.#roomId, line);
    this.changed();
  }
}
