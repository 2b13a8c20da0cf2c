import { readFileSync } from 'node:fs';
import {
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  ScalarType,
} from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { http } from '../src/gen/google/api/annotations_pb.ts';
import { file_services_chat_v1_service } from '../src/gen/services/chat/v1/service_pb.ts';
import { file_services_chat_v1_types } from '../src/gen/services/chat/v1/types_pb.ts';
import { file_services_tokens_v1_service } from '../src/gen/services/tokens/v1/service_pb.ts';
import { file_services_tokens_v1_types } from '../src/gen/services/tokens/v1/types_pb.ts';

/**
 * The inherited contract, written down once. Deployed clients depend on every number in it:
 * it is never edited to make this test pass.
 */
const inherited: Contract = JSON.parse(
  readFileSync(new URL('fixtures/inherited-contract.json', import.meta.url), 'utf8'),
);

/** What this service adds to inherited messages. Anything else is an accident. */
const additions: Readonly<Record<string, readonly string[]>> = {
  'services.chat.v1.MessageData': ['34 sequence: uint32 implicit'],
  'services.chat.v1.Room': ['23 last_sequence: uint32 implicit', '24 read_sequence: uint32 implicit'],
  'services.chat.v1.StreamMessagesRequest': ['2 cursor: string optional'],
  'services.chat.v1.MessageEvent': [
    '13 resync_required: ResyncRequired oneof event',
    '101 cursor: string implicit',
  ],
  'services.chat.v1.ResyncRequired': ['1 reason: string implicit'],
  'services.chat.v1.SendTypingRequest': ['1 room_id: string implicit', '2 is_typing: bool implicit'],
  'services.chat.v1.SendTypingResponse': ['1 success: bool implicit'],
};

/** Methods that this service adds to inherited services. */
const addedMethods: Readonly<Record<string, MethodRow>> = {
  'services.chat.v1.ChatService/SendTyping': {
    input: 'services.chat.v1.SendTypingRequest',
    output: 'services.chat.v1.SendTypingResponse',
    serverStreaming: false,
    http: 'POST /api/chat/v1/room/typing',
  },
};

const files: readonly DescFile[] = [
  file_services_chat_v1_types,
  file_services_chat_v1_service,
  file_services_tokens_v1_types,
  file_services_tokens_v1_service,
];
const messages = new Map(files.flatMap((file) => file.messages).map((desc) => [desc.typeName, desc]));
const methods = files.flatMap((file) => file.services).flatMap((service) => service.methods);

describe('the inherited contract', () => {
  test.each(Object.entries(inherited.messages))('%s keeps its fields', (typeName, rows) => {
    const expected = [...rows.map(textOf), ...(additions[typeName] ?? [])];
    expect(fieldsOf(messages.get(typeName))).toEqual(inOrder(expected));
  });

  test('no other messages than the known additions', () => {
    const known = new Set([...Object.keys(inherited.messages), ...Object.keys(additions)]);
    expect([...messages.keys()].filter((name) => !known.has(name))).toEqual([]);
    for (const name of Object.keys(additions).filter((typeName) => !(typeName in inherited.messages))) {
      expect(fieldsOf(messages.get(name))).toEqual(additions[name]);
    }
  });

  test('enums keep their values', () => {
    const enums = files.flatMap((file) => file.enums);
    const actual = enums.map((desc) => [
      desc.typeName,
      Object.fromEntries(desc.values.map((value) => [value.name, value.number])),
    ]);
    expect(Object.fromEntries(actual)).toEqual(inherited.enums);
  });

  test('methods keep their types and routes', () => {
    const actual = methods.map((method) => [`${method.parent.typeName}/${method.name}`, rowOf(method)]);
    expect(Object.fromEntries(actual)).toEqual({ ...inherited.methods, ...addedMethods });
  });

  test('no method allows Connect GET, and no request streams', () => {
    for (const method of methods) {
      expect(['unary', 'server_streaming']).toContain(method.methodKind);
      // 1 is NO_SIDE_EFFECTS, which would turn GET on.
      expect(method.idempotency, method.name).not.toBe(1);
    }
  });

  test('every POST and PUT route takes the whole request as its body', () => {
    for (const method of methods.filter((desc) => hasOption(desc, http))) {
      const rule = getOption(method, http);
      expect(rule.body, method.name).toBe(rule.pattern.case === 'get' ? '' : '*');
      expect(rule.additionalBindings, method.name).toEqual([]);
    }
  });
});

/** `<number> <name>: <type> <presence>` of each field, by number. */
function fieldsOf(desc: DescMessage | undefined): string[] {
  if (desc === undefined) return ['the message is missing'];
  return inOrder(
    desc.fields.map((field) =>
      textOf({
        number: field.number,
        name: field.name,
        type: typeOf(field),
        presence: presenceOf(field),
      }),
    ),
  );
}

function textOf(row: FieldRow): string {
  return `${row.number} ${row.name}: ${row.type} ${row.presence}`;
}

function inOrder(rows: readonly string[]): string[] {
  return [...rows].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}

function typeOf(field: DescField): string {
  const desc = field.message ?? field.enum;
  if (desc !== undefined) return desc.name;
  return field.scalar === undefined ? 'map' : (ScalarType[field.scalar]?.toLowerCase() ?? 'unknown');
}

function presenceOf(field: DescField): string {
  if (field.fieldKind === 'list') return 'repeated';
  if (field.oneof !== undefined) return `oneof ${field.oneof.name}`;
  if (field.proto.proto3Optional) return 'optional';
  return field.message === undefined ? 'implicit' : 'message';
}

function rowOf(method: DescMethod): MethodRow {
  const pattern = hasOption(method, http) ? getOption(method, http).pattern : undefined;
  const route = typeof pattern?.value === 'string' ? `${pattern.case?.toUpperCase()} ${pattern.value}` : null;
  return {
    input: method.input.typeName,
    output: method.output.typeName,
    serverStreaming: method.methodKind === 'server_streaming',
    http: route,
  };
}

type Contract = {
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly messages: Readonly<Record<string, readonly FieldRow[]>>;
  readonly methods: Readonly<Record<string, MethodRow>>;
};

type FieldRow = {
  readonly number: number;
  readonly name: string;
  readonly type: string;
  readonly presence: string;
};

type MethodRow = {
  readonly input: string;
  readonly output: string;
  readonly serverStreaming: boolean;
  readonly http: string | null;
};
