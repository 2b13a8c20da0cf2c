import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  distinctIds,
  isBlank,
  isUserId,
  optionalFinite,
  optionalText,
  present,
  text,
  userIdFromText,
  uuid,
  uuids,
} from '../../src/chat/validation.ts';
import { expectRefusal } from './states.ts';

const refuses = (run: () => unknown): void => expectRefusal(run, 'invalid_request_data');

describe('UUIDs', () => {
  test('every canonical UUID is read in lower case', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.boolean(), (id, upper) => {
        expect(uuid(upper ? id.toUpperCase() : id)).toBe(id.toLowerCase());
      }),
    );
  });

  test('no other text is one', () => {
    const id = randomUUID();
    const others = [
      '',
      'x',
      `{${id}}`,
      ` ${id}`,
      `${id}\n`,
      id.replaceAll('-', ''),
      `${id}0`,
      id.replace('-', 'g'),
    ];
    for (const other of others) refuses(() => uuid(other));
    fc.assert(fc.property(fc.string(), (other) => refuses(() => uuid(other))));
  });

  test('lists are distinct, in their first order, and bounded', () => {
    const [a, b] = [randomUUID(), randomUUID()];
    expect(uuids([b, a, b.toUpperCase()], 3)).toEqual([b, a]);
    refuses(() => uuids([a, a, a, a], 3));
    refuses(() => uuids([a, 'x'], 3));
  });
});

describe('text', () => {
  test('is counted in characters, not in code units', () => {
    expect(text('👋👋👋', 3)).toBe('👋👋👋');
    refuses(() => text('👋👋👋', 2));
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 12 }),
        fc.integer({ min: 0, max: 12 }),
        (value, max) => {
          fc.pre(!value.includes('\0'));
          if (Array.from(value).length <= max) expect(text(value, max)).toBe(value);
          else refuses(() => text(value, max));
        },
      ),
    );
  });

  test('holds neither NUL nor half a character', () => {
    for (const bad of ['\0', 'a\0b', '\ud83d', 'x\udc4b', '\udc4b\ud83d']) refuses(() => text(bad, 100));
  });

  test('may be absent', () => {
    expect(optionalText(undefined, 1)).toBeUndefined();
    expect(optionalText('', 0)).toBe('');
    refuses(() => optionalText('ab', 1));
  });

  test.each(['', ' ', '\t\n', '\u00a0\u2003'])('%j is blank', (value) => expect(isBlank(value)).toBe(true));
  test.each(['.', ' a '])('%j is not blank', (value) => expect(isBlank(value)).toBe(false));
});

describe('numbers', () => {
  test('user ids are positive 32-bit integers', () => {
    for (const id of [1, 42, 2_147_483_647]) expect(isUserId(id)).toBe(true);
    for (const id of [0, -1, 1.5, 2_147_483_648, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(isUserId(id)).toBe(false);
    }
  });

  test('user ids as text are plain decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_147_483_647 }), (id) => {
        expect(userIdFromText(`${id}`)).toBe(id);
      }),
    );
    for (const bad of [
      '',
      '0',
      '01',
      '-1',
      '+1',
      ' 1',
      '1 ',
      '1e3',
      '0x1',
      '1.0',
      '2147483648',
      '99999999999',
    ]) {
      refuses(() => userIdFromText(bad));
    }
  });

  test('lists of ids are distinct and bounded', () => {
    expect(distinctIds([3, 1, 3], 3)).toEqual([3, 1]);
    refuses(() => distinctIds([1, 1, 1, 1], 3));
  });

  test('coordinates are finite', () => {
    expect(optionalFinite(undefined)).toBeUndefined();
    expect(optionalFinite(-12.5)).toBe(-12.5);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      refuses(() => optionalFinite(bad));
    }
  });
});

test('absent fields stay absent', () => {
  expect(Object.keys(present({ a: 1, b: undefined, c: '', d: false }))).toEqual(['a', 'c', 'd']);
});
