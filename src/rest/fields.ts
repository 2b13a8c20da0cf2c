import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { unreadable } from './unreadable.ts';

/** A field of a message, and the message fields that lead to it. */
export interface FieldPlace {
  readonly parents: readonly (DescField & { readonly fieldKind: 'message' })[];
  readonly field: DescField;
}

/** Where `a.b` leads, by proto or JSON names; undefined when there is no such field. */
export function fieldAt(message: DescMessage, path: string): FieldPlace | undefined {
  const parents: (DescField & { readonly fieldKind: 'message' })[] = [];
  let current = message;
  const names = path.split('.');
  for (const [index, name] of names.entries()) {
    const field = current.fields.find((one) => one.name === name || one.jsonName === name);
    if (field === undefined) return undefined;
    if (index === names.length - 1) return { parents, field };
    if (field.fieldKind !== 'message') return undefined;
    parents.push(field);
    current = field.message;
  }
  return undefined;
}

/**
 * Sets a field from the text that a path or a query has for it. Of a repeated field each text is one more element; of any other
 * the last text counts. What the text says is checked when the whole message is read, but for what would be overlooked there.
 */
export function setText(target: JsonObject, place: FieldPlace, text: string): void {
  const holder = place.parents.reduce(child, target);
  const { field } = place;
  const value = jsonOf(field, text);
  if (field.fieldKind !== 'list') setField(holder, field, value);
  else {
    const before = own(holder, field.jsonName);
    setField(holder, field, [...(Array.isArray(before) ? before : []), value]);
  }
}

/** Sets a field under its JSON name, whichever name it had. */
export function setField(target: JsonObject, field: DescField, value: JsonValue): void {
  if (field.name !== field.jsonName) delete target[field.name];
  target[field.jsonName] = value;
}

/** A JSON object and nothing else; throws {@link unreadable}. */
export function asObject(value: JsonValue | undefined): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable();
  return value;
}

function child(target: JsonObject, field: DescField): JsonObject {
  const before = own(target, field.jsonName) ?? own(target, field.name);
  const value = before === undefined ? {} : asObject(before);
  setField(target, field, value);
  return value;
}

/** Names come from outside: what an object inherits is none of its fields. */
function own(target: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(target, name) ? target[name] : undefined;
}

/** As protobuf JSON has it: numbers may be texts there, booleans and the numbers of enums may not. */
function jsonOf(field: DescField, text: string): JsonValue {
  if (field.fieldKind === 'map') throw unreadable();
  if (field.fieldKind === 'list' && field.listKind === 'message') throw unreadable();
  if (field.scalar === ScalarType.BOOL) return flagOf(text);
  if (field.enum === undefined) return text;
  if (/^-?\d{1,10}$/.test(text)) return Number(text);
  // Where unknown fields are ignored, an unknown name would be too.
  if (!field.enum.values.some(({ name }) => name === text)) throw unreadable();
  return text;
}

function flagOf(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw unreadable();
  return text === 'true';
}
