import { invalidRequest } from './errors.ts';

const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:(Z)|([+-])(\d\d):(\d\d))?$/i;
const MINUTE = 60_000;
const DAY = 86_400_000;
// Stores know no year 0 and no year 10000; an offset can lead there.
const FIRST = Date.parse('0001-01-01T00:00:00.000Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Reads a client's point in time: RFC 3339, or `YYYY-MM-DDTHH:MM:SS.mmm` without zone as UTC; anything else is `invalid_request_data`.
 * Answers RFC 3339 UTC with milliseconds. Finer fractions are rounded: down for a lower bound, up for an upper bound,
 * so that a strict comparison with stored milliseconds stays exact.
 */
export function parseInstant(text: string, rounding: 'down' | 'up' = 'down'): string {
  const match = FORM.exec(text);
  if (match === null) throw invalidRequest();
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const fraction = match[7] ?? '';
  const zoned = match[8] !== undefined || match[9] !== undefined;
  if (!zoned && fraction.length !== 3) throw invalidRequest();
  const midnight = dayStart(year, month, day);
  if (!within(hour, 23) || !within(minute, 59) || !within(second, 60)) throw invalidRequest();
  const whole =
    midnight + ((hour * 60 + minute) * 60 + second) * 1000 - offset(match[9], match[10], match[11]);
  // A leap second ends a UTC day.
  if (second === 60 && whole % DAY !== 0) throw invalidRequest();
  const instant = whole + milliseconds(fraction, rounding);
  return new Date(Math.min(Math.max(instant, FIRST), LAST)).toISOString();
}

/** RFC 3339 UTC in seconds: `2024-05-06T07:08:09Z`. */
export function seconds(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}

/** The form of `sync_timestamp`: `2024-05-06T07:08:09+00:00`. */
export function syncTimestamp(at: Date): string {
  return `${at.toISOString().slice(0, 19)}+00:00`;
}

function within(value: number | undefined, max: number): value is number {
  return value !== undefined && value >= 0 && value <= max;
}

function dayStart(year = 0, month = 0, day = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw invalidRequest();
  return date.getTime();
}

function offset(sign: string | undefined, hours: string | undefined, minutes: string | undefined): number {
  if (sign === undefined) return 0;
  const [h, m] = [Number(hours), Number(minutes)];
  if (!within(h, 23) || !within(m, 59)) throw invalidRequest();
  return (sign === '-' ? -1 : 1) * (h * 60 + m) * MINUTE;
}

function milliseconds(fraction: string, rounding: 'down' | 'up'): number {
  const exact = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const finer = /[1-9]/.test(fraction.slice(3));
  return rounding === 'up' && finer ? exact + 1 : exact;
}
