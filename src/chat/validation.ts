import { invalidRequest } from './errors.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DECIMAL_ID = /^[1-9]\d{0,9}$/;
const MAX_INT32 = 2_147_483_647;

/** A UUID in canonical form, lower case; refuses every other text. */
export function uuid(value: string): string {
  if (!UUID.test(value)) throw invalidRequest();
  return value.toLowerCase();
}

/** Like {@link uuid}; absent stays absent. */
export function optionalUuid(value: string | undefined): string | undefined {
  return value === undefined ? undefined : uuid(value);
}

/** Distinct UUIDs in their first order; refuses more than `max` of them. */
export function uuids(values: readonly string[], max: number): string[] {
  if (values.length > max) throw invalidRequest();
  return [...new Set(values.map(uuid))];
}

/** Text of at most `maxChars` characters that every store can hold: well-formed, without NUL. */
export function text(value: string, maxChars: number): string {
  if (hasMoreCharsThan(value, maxChars) || value.includes('\0') || !value.isWellFormed()) {
    throw invalidRequest();
  }
  return value;
}

/** Like {@link text}; absent stays absent. */
export function optionalText(value: string | undefined, maxChars: number): string | undefined {
  return value === undefined ? undefined : text(value, maxChars);
}

/** True when nothing but white space is in it. */
export function isBlank(value: string): boolean {
  return value.trim() === '';
}

/** Distinct ids in their first order; refuses more than `max` of them. */
export function distinctIds(values: readonly number[], max: number): number[] {
  if (values.length > max) throw invalidRequest();
  return [...new Set(values)];
}

/** True for a number that can be a user's id. */
export function isUserId(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_INT32;
}

/** A user id written as decimal text. */
export function userIdFromText(value: string): number {
  const id = DECIMAL_ID.test(value) ? Number(value) : 0;
  if (!isUserId(id)) throw invalidRequest();
  return id;
}

/** A number that can be stored and shown; absent stays absent. */
export function optionalFinite(value: number | undefined): number | undefined {
  if (value !== undefined && !Number.isFinite(value)) throw invalidRequest();
  return value;
}

/** The fields that are there; an optional field of a port is absent, never undefined. */
export function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  // The filter is the check that the type states.
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function hasMoreCharsThan(value: string, max: number): boolean {
  // A character is one or two code units.
  if (value.length <= max) return false;
  return value.length > 2 * max || Array.from(value).length > max;
}
