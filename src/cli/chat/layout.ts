import type { Conversation, Item } from './conversation.ts';
import type { Look } from './look.ts';

/** A row of the screen; its key stays the same when others come. */
export interface Row {
  readonly key: string;
  readonly text: string;
}

/** The part of some rows that is on the screen. */
export interface Window {
  readonly rows: readonly Row[];
  /** How many are above and below. */
  readonly above: number;
  readonly below: number;
}

interface Drawn {
  readonly size: string;
  readonly lines: readonly string[];
}

/** What was drawn of an item, as long as the item lives: a change makes another one. */
const drawn = new WeakMap<Item, Drawn>();

/** A conversation as rows of that many columns: its beginning, days, and a line before what was unread; messages numbered if wanted. */
export function rowsOf(
  conversation: Conversation,
  look: Look,
  columns: number,
  isNumbered: boolean,
): readonly Row[] {
  const numbers = isNumbered ? conversation.numbers() : undefined;
  const rows: Row[] = [];
  const add = (key: string, lines: readonly string[]): void => {
    rows.push(...lines.map((text, index) => ({ key: `${key}#${index}`, text })));
  };
  add('beginning', look.beginning(conversation.hasOlder ? 'PageUp for more' : 'the beginning')(columns));
  let lastDay = '';
  let unreadAfter = conversation.unreadAfter;
  for (const item of conversation.items) {
    const day = item.at.toDateString();
    if (day !== lastDay) add(`day ${day}`, ['', ...look.day(item.at)(columns)]);
    lastDay = day;
    if (unreadAfter !== undefined && item.place > unreadAfter && !isOwn(item)) {
      add('unread', look.unread()(columns));
      unreadAfter = undefined;
    }
    add(item.key, linesOf(item, look, columns, numbers?.get(item.key)));
  }
  return rows;
}

/** As many rows as fit, up to the one with that key; the last ones without. */
export function windowOf(rows: readonly Row[], height: number, bottomKey: string | undefined): Window {
  const index = bottomKey === undefined ? -1 : rows.findIndex(({ key }) => key === bottomKey);
  const end = index === -1 ? rows.length : Math.max(index + 1, Math.min(height, rows.length));
  const start = Math.max(0, end - height);
  return { rows: rows.slice(start, end), above: start, below: rows.length - end };
}

/** The key of the bottom row that many rows further down, or up when negative; undefined: at the very bottom. */
export function scrolled(
  rows: readonly Row[],
  height: number,
  bottomKey: string | undefined,
  by: number,
): string | undefined {
  const { below } = windowOf(rows, height, bottomKey);
  const end = Math.max(height, rows.length - below + by);
  return end >= rows.length ? undefined : rows[end - 1]?.key;
}

function isOwn(item: Item): boolean {
  return item.kind === 'message' && item.view.tick !== undefined;
}

function linesOf(item: Item, look: Look, columns: number, number: number | undefined): readonly string[] {
  if (number !== undefined) return look.item(item, number)(columns);
  const size = `${columns} ${look.nameWidth}`;
  const known = drawn.get(item);
  if (known?.size === size) return known.lines;
  const lines = look.item(item)(columns);
  drawn.set(item, { size, lines });
  return lines;
}
