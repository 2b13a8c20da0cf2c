import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Edit, edit, History, insert, type Line, lineOf } from '../../../src/cli/chat/line-editor.ts';

describe('a line that is being typed', () => {
  it.each<[before: string, how: Edit, after: string]>([
    ['one two|', 'left', 'one tw|o'],
    ['👩‍👩‍👧|', 'left', '|👩‍👩‍👧'],
    ['|e\u0301a', 'right', 'e\u0301|a'],
    ['one two|', 'wordLeft', 'one |two'],
    ['one  |two', 'wordLeft', '|one  two'],
    ['|one two', 'wordRight', 'one| two'],
    ['one two|', 'home', '|one two'],
    ['|one two', 'end', 'one two|'],
    ['ab👋|', 'backspace', 'ab|'],
    ['|ab', 'backspace', '|ab'],
    ['a|👋b', 'delete', 'a|b'],
    ['one two |', 'deleteWord', 'one |'],
    ['one| two', 'deleteToStart', '| two'],
    ['one| two', 'deleteToEnd', 'one|'],
  ])('%j, %s: %j', (before, how, after) => {
    expect(shown(edit(parse(before), how))).toBe(after);
  });

  it('never splits a character, whatever is pressed', () => {
    const edits = fc.constantFrom<Edit>(
      'left',
      'right',
      'wordLeft',
      'wordRight',
      'backspace',
      'delete',
      'home',
    );
    const texts = fc.string({ unit: fc.constantFrom('a', ' ', '👋', '👩‍👩‍👧', '漢') });
    const steps = fc.array(
      fc.oneof(
        edits,
        texts.map((text) => ({ text })),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        let line = lineOf('');
        for (const step of all) line = typeof step === 'string' ? edit(line, step) : insert(line, step.text);
        expect(line.cursor).toBeLessThanOrEqual(line.text.length);
        expect(line.text.replaceAll(/a| |👋|👩‍👩‍👧|漢/gu, '')).toBe('');
      }),
    );
  });
});

it('goes back through what was entered, and forth to what was being typed', () => {
  const history = new History();
  for (const text of ['one', 'two', 'two']) history.add(text);
  expect(history.go(1, 'new')).toBeUndefined();
  expect(history.go(-1, 'new')).toBe('two');
  expect(history.go(-1, 'two')).toBe('one');
  expect(history.go(-1, 'one')).toBeUndefined();
  expect(history.go(1, 'one')).toBe('two');
  expect(history.go(1, 'two')).toBe('new');
});

/** A bar stands for the cursor. */
function parse(text: string): Line {
  return { text: text.replace('|', ''), cursor: text.indexOf('|') };
}

function shown({ text, cursor }: Line): string {
  return `${text.slice(0, cursor)}|${text.slice(cursor)}`;
}
