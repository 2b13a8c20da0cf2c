import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInstant, seconds, syncTimestamp } from '../../src/chat/time.ts';
import { expectRefusal } from './states.ts';

const DATES = fc.date({
  min: new Date('0001-01-01T00:00:00.000Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});

describe('a point in time', () => {
  test.each([
    ['2024-05-06T07:08:09Z', '2024-05-06T07:08:09.000Z'],
    ['2024-05-06t07:08:09z', '2024-05-06T07:08:09.000Z'],
    ['2024-05-06T07:08:09.5Z', '2024-05-06T07:08:09.500Z'],
    ['2024-05-06T07:08:09.123456Z', '2024-05-06T07:08:09.123Z'],
    ['2024-05-06T07:08:09+00:00', '2024-05-06T07:08:09.000Z'],
    ['2024-05-06T00:08:09+02:30', '2024-05-05T21:38:09.000Z'],
    ['2024-05-06T23:08:09-05:00', '2024-05-07T04:08:09.000Z'],
    ['2024-05-06T07:08:09.250', '2024-05-06T07:08:09.250Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['1990-12-31T23:59:60Z', '1991-01-01T00:00:00.000Z'],
    ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
    ['0000-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59-23:59', '9999-12-31T23:59:59.999Z'],
  ])('%s', (form, expected) => {
    expect(parseInstant(form)).toBe(expected);
  });

  test.each([
    '',
    'now',
    '2024-05-06',
    '2024-05-06T07:08:09',
    '2024-05-06T07:08:09.1',
    '2024-05-06T07:08:09.1234',
    '2024-05-06 07:08:09Z',
    '2024-05-06T07:08Z',
    '2024-5-6T07:08:09Z',
    '2024-05-06T07:08:09.Z',
    '2024-05-06T07:08:09+0200',
    '2024-05-06T07:08:09+24:00',
    '2024-05-06T07:08:09+00:60',
    '2024-13-01T00:00:00Z',
    '2024-00-01T00:00:00Z',
    '2024-05-32T00:00:00Z',
    '2024-05-00T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-05-06T24:00:00Z',
    '2024-05-06T07:60:09Z',
    '2024-05-06T07:08:61Z',
    '2024-05-06T07:08:60Z',
    '+002024-05-06T07:08:09Z',
    '1714979289',
    ' 2024-05-06T07:08:09Z',
    '2024-05-06T07:08:09Z\n',
    "2024-05-06T07:08:09Z'; --",
  ])('%j is none', (form) => {
    expectRefusal(() => parseInstant(form), 'invalid_request_data');
  });

  test('every time that the service shows is read back exactly', () => {
    fc.assert(
      fc.property(DATES, (date) => {
        const shown = date.toISOString();
        expect(parseInstant(shown)).toBe(shown);
        expect(parseInstant(shown.slice(0, -1))).toBe(shown);
        const second = `${shown.slice(0, 19)}.000Z`;
        expect(parseInstant(seconds(date))).toBe(second);
        expect(parseInstant(syncTimestamp(date))).toBe(second);
      }),
    );
  });

  test('an offset only moves the clock, not the instant', () => {
    fc.assert(
      fc.property(DATES, fc.integer({ min: -1439, max: 1439 }), (date, minutes) => {
        const local = new Date(date.getTime() + minutes * 60_000);
        fc.pre(local.getUTCFullYear() >= 0 && local.getUTCFullYear() <= 9999);
        const pad = (n: number): string => String(n).padStart(2, '0');
        const [h, m] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
        const zone = `${minutes < 0 ? '-' : '+'}${pad(h)}:${pad(m)}`;
        expect(parseInstant(local.toISOString().replace('Z', zone))).toBe(date.toISOString());
      }),
    );
  });

  test('a finer upper bound is rounded up: what lies before it stays before it', () => {
    expect(parseInstant('2024-05-06T07:08:09.1231Z', 'up')).toBe('2024-05-06T07:08:09.124Z');
    expect(parseInstant('2024-05-06T07:08:09.1230Z', 'up')).toBe('2024-05-06T07:08:09.123Z');
    expect(parseInstant('2024-05-06T07:08:09.9999Z', 'up')).toBe('2024-05-06T07:08:10.000Z');
  });

  test('no text at all makes it fail in another way', () => {
    fc.assert(
      fc.property(fc.string(), (form) => expectRefusal(() => parseInstant(form), 'invalid_request_data')),
    );
  });
});
