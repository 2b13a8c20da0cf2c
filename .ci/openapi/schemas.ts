/**
 * Schemas of messages and enums as ProtoJSON has them, with the comments of the proto files.
 */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { getComments } from '@bufbuild/protoplugin';

/** A JSON value, for example a schema. */
export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };
/** An object of the document. */
export type JsonObject = Readonly<Record<string, Json>>;

/** Collects schemas by name. */
export interface SchemaRegistry {
  /** A reference to the schema of a message or enum, which is made with everything that it refers to. */
  reference(declared: DescMessage | DescEnum): JsonObject;
  /** The schema of a field's values, with the field's comment. */
  field(field: DescField): JsonObject;
  /** Everything that was referred to, by name and in the order of names. */
  schemas(): JsonObject;
}

/** `isAlwaysWritten`: whether a message is only ever written by the service, which leaves no field without presence out. */
export function createSchemaRegistry(isAlwaysWritten: (message: DescMessage) => boolean): SchemaRegistry {
  const known = new Map<string, { readonly typeName: string; schema: JsonObject }>();

  function reference(declared: DescMessage | DescEnum): JsonObject {
    const { name, typeName } = declared;
    const other = known.get(name);
    if (other !== undefined && other.typeName !== typeName) {
      throw new Error(`${typeName} and ${other.typeName} have the same name: one of them needs another one`);
    }
    if (other === undefined) {
      // Known before it is made, because messages may contain themselves.
      const entry = { typeName, schema: {} };
      known.set(name, entry);
      entry.schema = declared.kind === 'enum' ? enumSchema(declared) : messageSchema(declared);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  function messageSchema(message: DescMessage): JsonObject {
    if (message.typeName.startsWith('google.')) {
      throw new Error(
        `${message.typeName} has a JSON form of its own, which nobody has written down here yet`,
      );
    }
    const always = isAlwaysWritten(message) ? message.fields.filter(isWritten) : [];
    return {
      type: 'object',
      ...description([commentOf(message), ...message.oneofs.map(oneofRule)].join(' ')),
      properties: Object.fromEntries(message.fields.map((each) => [each.jsonName, field(each)])),
      ...(always.length === 0 ? {} : { required: always.map(({ jsonName }) => jsonName) }),
    };
  }

  function field(each: DescField): JsonObject {
    return { ...valueSchema(each), ...description(commentOf(each)) };
  }

  function valueSchema(each: DescField): JsonObject {
    switch (each.fieldKind) {
      case 'message':
        return reference(each.message);
      case 'enum':
        return reference(each.enum);
      case 'scalar':
        return SCALARS[each.scalar];
      case 'list':
        return { type: 'array', items: elementSchema(each) };
      case 'map':
        return { type: 'object', additionalProperties: elementSchema(each) };
    }
  }

  function elementSchema(each: DescField & { fieldKind: 'list' | 'map' }): JsonObject {
    if (each.message !== undefined) return reference(each.message);
    return each.enum === undefined ? SCALARS[each.scalar] : reference(each.enum);
  }

  return {
    reference,
    field,
    schemas: () =>
      Object.fromEntries(
        [...known]
          .map(([name, { schema }]) => [name, schema] as const)
          .sort(([one], [other]) => (one < other ? -1 : 1)),
      ),
  };
}

/** The comment in front of a declaration on one line; `''` when there is none. */
export function commentOf(declared: Parameters<typeof getComments>[0]): string {
  return (getComments(declared).leading ?? '').replace(/\s+/g, ' ').trim();
}

/** The property `description`, unless the text is empty. */
export function description(text: string): JsonObject {
  const trimmed = text.trim();
  return trimmed === '' ? {} : { description: trimmed };
}

function enumSchema(declared: DescEnum): JsonObject {
  const values = declared.values.map((value) => `- \`${value.name}\`: ${commentOf(value)}`);
  return {
    type: 'string',
    description: [commentOf(declared), '', ...values].join('\n'),
    enum: declared.values.map(({ name }) => name),
  };
}

function oneofRule({ name, fields }: DescMessage['oneofs'][number]): string {
  return `At most one is set (${name}): ${fields.map(({ jsonName }) => `\`${jsonName}\``).join(', ')}.`;
}

/** Without presence, so that a default is written too. */
function isWritten(each: DescField): boolean {
  return each.oneof === undefined && !(each.proto.proto3Optional || each.fieldKind === 'message');
}

const INT64 = { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' };
const UINT64 = { type: 'string', format: 'uint64', pattern: '^[0-9]+$' };
const INT32 = { type: 'integer', format: 'int32' };
const UINT32 = { type: 'integer', minimum: 0, maximum: 4_294_967_295 };

const SCALARS: Readonly<Record<ScalarType, JsonObject>> = {
  [ScalarType.DOUBLE]: { type: 'number', format: 'double' },
  [ScalarType.FLOAT]: { type: 'number', format: 'float' },
  [ScalarType.INT64]: INT64,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.INT32]: INT32,
  [ScalarType.FIXED64]: UINT64,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.UINT32]: UINT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SINT64]: INT64,
};
