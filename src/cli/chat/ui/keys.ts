import type { Key } from 'ink';
import type { Edit } from '../line-editor.ts';
import type { Page, Screen } from '../screen.ts';

/** From a control character to the letter of its key. */
const LETTER_OFFSET = 96;

const CTRL_EDITS: Readonly<Record<string, Edit>> = {
  a: 'home',
  e: 'end',
  b: 'left',
  f: 'right',
  d: 'delete',
  w: 'deleteWord',
  u: 'deleteToStart',
  k: 'deleteToEnd',
};

const CTRL_ACTIONS: Readonly<Record<string, (screen: Screen) => void>> = {
  c: (screen) => screen.leave(),
  n: (screen) => screen.goRoom(1),
  p: (screen) => screen.goRoom(-1),
  g: (screen) => screen.goUnread(),
  t: (screen) => screen.toggleList(),
};

/** Does what a key, or text that arrived at once, asks for. `page` is what is on the screen. */
export function press(input: string, key: Key, screen: Screen, page: Page): void {
  const how = editOf(input, key);
  if (how !== undefined) screen.edit(how);
  else if (key.return) screen.enter();
  else if (key.escape) screen.escape();
  else if (key.tab) screen.goRoom(key.shift ? -1 : 1);
  else if (key.pageUp) screen.turn(-1, page);
  else if (key.pageDown) screen.turn(1, page);
  else if (key.upArrow) screen.recall(-1);
  else if (key.downArrow) screen.recall(1);
  else if (key.ctrl) control(input, screen);
  else if (!key.meta) write(input, screen);
}

/** What the key does to the line. */
function editOf(input: string, key: Key): Edit | undefined {
  const isWord = key.ctrl || key.meta;
  if (key.leftArrow) return isWord ? 'wordLeft' : 'left';
  if (key.rightArrow) return isWord ? 'wordRight' : 'right';
  if (key.home) return 'home';
  if (key.end) return 'end';
  if (key.backspace) return isWord ? 'deleteWord' : 'backspace';
  if (key.delete) return 'delete';
  if (key.meta && input === 'b') return 'wordLeft';
  if (key.meta && input === 'f') return 'wordRight';
  return undefined;
}

/** Several keys may arrive at once, those that are no text among them. */
function write(input: string, screen: Screen): void {
  for (const [part] of input.matchAll(/\p{Cc}|\P{Cc}+/gu)) {
    if (!/\p{Cc}/u.test(part)) screen.type(part);
    else if (part === '\r' || part === '\n') screen.enter();
    else if (part === '\t') screen.goRoom(1);
    else if (part === '\x7f') screen.edit('backspace');
    else control(String.fromCharCode(part.charCodeAt(0) + LETTER_OFFSET), screen);
  }
}

/** A letter that was pressed together with Ctrl. */
function control(letter: string, screen: Screen): void {
  const how = Object.hasOwn(CTRL_EDITS, letter) ? CTRL_EDITS[letter] : undefined;
  // As in a shell: the end of the input.
  if (letter === 'd' && screen.line.text === '') screen.leave();
  else if (how !== undefined) screen.edit(how);
  else if (Object.hasOwn(CTRL_ACTIONS, letter)) CTRL_ACTIONS[letter]?.(screen);
}
