import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import fc from 'fast-check';

/** A field's path, and a text for it. */
export type Pair = readonly [path: string, text: string];

/** Fields that a query can have, each with a text that means one of its values; by either name. */
export function texts(desc: DescMessage, prefix: readonly string[] = []): fc.Arbitrary<Pair[]> {
  const simple = desc.fields.filter((field) => field.fieldKind !== 'map' && field.message === undefined);
  const one = fc.constantFrom(...simple).chain((field) =>
    fc
      .tuple(fc.boolean(), valueText(field), fc.constantFrom(...(prefix.length > 1 ? [0] : [0, 0, 1, 2])))
      .map(([isJson, text, depth]): Pair => {
        const path = [...prefix, ...Array.from({ length: depth }, () => 'nested')];
        return [[...path, isJson ? field.jsonName : field.name].join('.'), text];
      }),
  );
  return fc.array(one, { maxLength: 12 });
}

function valueText(field: DescField): fc.Arbitrary<string> {
  if (field.enum !== undefined)
    return fc.oneof(fc.constantFrom('NONE', 'RED', 'BLUE'), fc.constantFrom('0', '1', '-7', '3'));
  switch (field.scalar) {
    case ScalarType.BOOL:
      return fc.constantFrom('true', 'false');
    case ScalarType.STRING:
      return fc.string({ unit: 'grapheme' });
    case ScalarType.BYTES:
      return fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64'));
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return fc.oneof(
        fc.float({ noDefaultInfinity: true, noNaN: true }).map(String),
        fc.constantFrom('NaN', 'Infinity', '-Infinity'),
      );
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.integer().map(String);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.nat().map(String);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
    default:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
  }
}

/** The same in JSON, made in another way. */
export function jsonOf(pairs: readonly Pair[]): JsonObject {
  const json: JsonObject = {};
  for (const [path, text] of pairs) {
    const names = path
      .split('.')
      .map((name) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
    const last = names.pop() ?? '';
    const holder = names.reduce(child, json);
    const value = /bool/i.test(last)
      ? text === 'true'
      : /colour/i.test(last) && /\d/.test(text)
        ? Number(text)
        : text;
    holder[last] = last.startsWith('list')
      ? [...((holder[last] as JsonValue[] | undefined) ?? []), value]
      : value;
  }
  return json;
}

function child(holder: JsonObject, name: string): JsonObject {
  const value = (holder[name] ?? {}) as JsonObject;
  holder[name] = value;
  return value;
}
