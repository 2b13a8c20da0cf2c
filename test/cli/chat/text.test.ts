import fc from 'fast-check';
import { renderToString, Text } from 'ink';
import { createElement } from 'react';
import { describe, expect, it } from 'vitest';
import { cut, harmless, padTo, textWidth, wrap } from '../../../src/cli/chat/text.ts';

const words = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', 'é', '漢', '👋', '👩‍👩‍👧', '-'),
  maxLength: 80,
});

describe('text of others', () => {
  it.each([
    ['\x1b[2Jgone', 'gone'],
    ['\x1b]0;title\x07named', 'named'],
    ['two\r\nlines\tand a tab', 'two lines and a tab'],
    ['bell\x07 and \x9b31m', 'bell and '],
    ['right\u202eto left', 'rightto left'],
    ['¡Hola, señor! 👋', '¡Hola, señor! 👋'],
  ])('can not steer the terminal: %j', (text, shown) => {
    expect(harmless(text)).toBe(shown);
  });

  it('never keeps a control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(harmless(text)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

it.each([
  ['plain', 5],
  ['\x1b[31mred\x1b[39m', 3],
  ['señor', 5],
  ['e\u0301', 1],
  ['漢字', 4],
  ['👋', 2],
  ['👩‍👩‍👧', 2],
  ['❤️', 2],
  ['✓✓', 2],
  ['नी', 2],
  ['ｶﾞ', 2],
  ['🇪🇸', 2],
  ['1️⃣', 2],
  ['a\u00ad\u200bb', 2],
])('%j takes %i columns', (text, width) => {
  expect(textWidth(text)).toBe(width);
});

it('counts columns as the library that draws them', () => {
  const unit = fc.constantFrom(
    'a',
    'é',
    'e\u0301',
    '漢',
    '👋',
    '👩‍👩‍👧',
    '❤️',
    '☺',
    '🇪🇸',
    '1️⃣',
    'नी',
    'ｶﾞ',
    '한',
    '⚑',
    '…',
    '🫠',
  );
  fc.assert(
    fc.property(fc.string({ unit, minLength: 1, maxLength: 20 }), (text) => {
      const draw = (columns: number) =>
        renderToString(createElement(Text, { wrap: 'truncate' }, text), { columns });
      expect(draw(textWidth(text))).toBe(text);
      if (textWidth(text) > 1) expect(draw(textWidth(text) - 1)).not.toBe(text);
    }),
  );
});

it('fills up and cuts to a width', () => {
  expect(padTo('Ana', 5)).toBe('Ana  ');
  expect(padTo('Bartholomew', 5)).toBe('Bart…');
  expect(padTo('漢字漢字', 6)).toBe('漢字… ');
  expect(cut('short', 10)).toBe('short');
  expect(cut('rather long', 6)).toBe('rathe…');
});

it('comes to an end at any width', () => {
  fc.assert(
    fc.property(words, fc.integer({ min: -3, max: 4 }), (text, columns) => {
      expect(textWidth(cut(text, columns))).toBeLessThanOrEqual(Math.max(0, columns));
      expect(textWidth(padTo(text, columns))).toBe(Math.max(0, columns));
      expect(wrap(text, columns).join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }),
  );
});

describe('wrapping', () => {
  it('breaks between words', () => {
    expect(wrap('the quick brown fox jumps', 10)).toEqual(['the quick', 'brown fox', 'jumps']);
  });

  it('breaks a word that is too long', () => {
    expect(wrap('see https://example.com/abcdef', 12)).toEqual(['see', 'https://exam', 'ple.com/abcd', 'ef']);
  });

  it('keeps everything but spaces, and every line fits', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 2, max: 40 }), (text, columns) => {
        const lines = wrap(text, columns);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
