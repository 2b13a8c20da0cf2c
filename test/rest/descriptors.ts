import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  ScalarType,
  setExtension,
} from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { http } from '../../src/gen/google/api/annotations_pb.ts';
import { HttpRuleSchema } from '../../src/gen/google/api/http_pb.ts';

type Rule = MessageInitShape<typeof HttpRuleSchema>;

const SCALARS = Object.entries(ScalarType).filter(
  (entry): entry is [string, ScalarType] => typeof entry[1] === 'number',
);

/**
 * A method whose request has a field of every scalar type (`int32`), a list of each (`list_int32`), an enum and a list of it,
 * a message of the same type (`nested`), a list of those and a map.
 */
export function methodWith(rule: Rule): DescMethod {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, create(HttpRuleSchema, rule));
  const file = create(FileDescriptorProtoSchema, {
    name: 'everything.proto',
    package: 'test',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Everything',
        field: fields(),
        nestedType: [
          {
            name: 'MapEntry',
            options: { mapEntry: true },
            field: [
              field('key', 1, FieldDescriptorProto_Type.STRING),
              field('value', 2, FieldDescriptorProto_Type.STRING),
            ],
          },
        ],
      },
    ],
    enumType: [
      { name: 'Colour', value: [{ name: 'NONE' }, { name: 'RED', number: 1 }, { name: 'BLUE', number: -7 }] },
    ],
    service: [
      {
        name: 'Service',
        method: [{ name: 'Call', inputType: '.test.Everything', outputType: '.test.Everything', options }],
      },
    ],
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const method = registry.getService('test.Service')?.methods[0];
  if (method === undefined) throw new Error('no method');
  return method;
}

/** The request of such a method. */
export function everything(): DescMessage {
  return methodWith({ pattern: { case: 'get', value: '/' } }).input;
}

type Field = MessageInitShape<typeof FieldDescriptorProtoSchema>;

function fields(): Field[] {
  const { ENUM, MESSAGE } = FieldDescriptorProto_Type;
  let number = 0;
  const add = (name: string, type: FieldDescriptorProto_Type, typeName?: string): Field[] => {
    number += 2;
    return [
      field(name, number, type, typeName),
      { ...field(`list_${name}`, number + 1, type, typeName), label: FieldDescriptorProto_Label.REPEATED },
    ];
  };
  return [
    // Both enums number the types alike.
    ...SCALARS.flatMap(([name, type]) => add(`a_${name.toLowerCase()}`, Number(type))),
    ...add('colour', ENUM, '.test.Colour'),
    ...add('nested', MESSAGE, '.test.Everything'),
    {
      ...field('map', 100, MESSAGE, '.test.Everything.MapEntry'),
      label: FieldDescriptorProto_Label.REPEATED,
    },
  ];
}

function field(name: string, number: number, type: FieldDescriptorProto_Type, typeName?: string): Field {
  const jsonName = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return {
    ...{ name, number, type, jsonName, label: FieldDescriptorProto_Label.OPTIONAL },
    ...(typeName === undefined ? {} : { typeName }),
  };
}
