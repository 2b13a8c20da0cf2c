import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import * as grpcJs from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from '../../src/gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from '../../src/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { startTestApp, type TestApp, tokenOf, transportOf } from '../support/app.ts';

const CHAT = 'services.chat.v1.ChatService';
const SERVICES = [
  CHAT,
  'services.tokens.v1.TokensService',
  'services.users.v1.UsersService',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ embedded: true });
});
afterAll(() => app.stop());

type Question = MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest'];

/** What one stream answers to the questions, in their order. */
async function ask(...questions: readonly NonNullable<Question>[]): Promise<ServerReflectionResponse[]> {
  const client = createClient(ServerReflection, transportOf(app.url, 'grpc'));
  const answers: ServerReflectionResponse[] = [];
  const requests = questions.map((messageRequest) => ({ host: 'here', messageRequest }));
  for await (const answer of client.serverReflectionInfo(each(requests))) answers.push(answer);
  return answers;
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** Names of the files in an answer; the error's text when it is one. */
function filesIn({ messageResponse: { case: kind, value } }: ServerReflectionResponse): string[] | string {
  if (kind === 'errorResponse') return `${value.errorCode} ${value.errorMessage}`;
  if (kind !== 'fileDescriptorResponse') return String(kind);
  return value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe('grpc.reflection', () => {
  test.each([
    ['v1', ServerReflection],
    ['v1alpha', ServerReflectionAlpha],
  ])('%s lists every service, without a token', async (_version, service) => {
    const client = createClient(service, transportOf(app.url, 'grpc'));
    const messageRequest = { case: 'listServices', value: '' } as const;
    const answers = client.serverReflectionInfo(each([{ host: 'here', messageRequest }]));
    for await (const { messageResponse, validHost, originalRequest } of answers) {
      expect(messageResponse.case).toBe('listServicesResponse');
      const listed = messageResponse.case === 'listServicesResponse' ? messageResponse.value.service : [];
      expect(listed.map(({ name }) => name)).toEqual(SERVICES);
      expect(validHost).toBe('here');
      expect(originalRequest?.messageRequest).toEqual(messageRequest);
    }
    expect.assertions(4);
  });

  test.each([
    ['service', CHAT, 'services/chat/v1/service.proto'],
    ['method', `${CHAT}.SendMessage`, 'services/chat/v1/service.proto'],
    ['message', 'services.chat.v1.Room', 'services/chat/v1/types.proto'],
    ['message, as descriptors write it', '.services.chat.v1.Room', 'services/chat/v1/types.proto'],
    ['nested message', 'google.protobuf.DescriptorProto.ExtensionRange', 'google/protobuf/descriptor.proto'],
    ['field', 'services.chat.v1.Room.partner', 'services/chat/v1/types.proto'],
    ['oneof', 'services.chat.v1.MessageEvent.event', 'services/chat/v1/types.proto'],
    ['enum', 'services.chat.v1.MessageStatus', 'services/chat/v1/types.proto'],
    ['enum value', 'services.chat.v1.MESSAGE_STATUS_SENT', 'services/chat/v1/types.proto'],
    ['nested enum', 'grpc.health.v1.HealthCheckResponse.ServingStatus', 'health/v1/health.proto'],
    ['value of a nested enum', 'grpc.health.v1.HealthCheckResponse.SERVING', 'health/v1/health.proto'],
    ['extension', 'google.api.http', 'google/api/annotations.proto'],
  ])('finds the file of a %s', async (_kind, value, file) => {
    const [answer] = await ask({ case: 'fileContainingSymbol', value });
    expect(answer && filesIn(answer)[0]).toBe(file);
  });

  test('finds files by name, and extensions by number', async () => {
    const [file, extension, numbers, none] = await ask(
      { case: 'fileByFilename', value: 'services/users/v1/types.proto' },
      {
        case: 'fileContainingExtension',
        value: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 72295728 },
      },
      { case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' },
      { case: 'allExtensionNumbersOfType', value: 'services.chat.v1.Room' },
    );
    expect(file && filesIn(file)).toEqual(['services/users/v1/types.proto']);
    expect(extension && filesIn(extension)[0]).toBe('google/api/annotations.proto');
    expect(numbers?.messageResponse).toMatchObject({
      case: 'allExtensionNumbersResponse',
      value: { baseTypeName: 'google.protobuf.MethodOptions', extensionNumber: [72295728] },
    });
    expect(none?.messageResponse).toMatchObject({ value: { extensionNumber: [] } });
  });

  test('sends what a file imports along, once in a stream', async () => {
    const question = { case: 'fileContainingSymbol', value: CHAT } as const;
    const [first, again] = await ask(question, question);
    expect(first && [...filesIn(first)].sort()).toEqual([
      'google/api/annotations.proto',
      'google/api/http.proto',
      'google/protobuf/descriptor.proto',
      'services/chat/v1/service.proto',
      'services/chat/v1/types.proto',
    ]);
    expect(again && filesIn(again)).toEqual(['services/chat/v1/service.proto']);
  });

  test('says what is not there, and goes on', async () => {
    const answers = await ask(
      { case: 'fileByFilename', value: '../package.json' },
      { case: 'fileContainingSymbol', value: 'constructor' },
      { case: 'fileContainingSymbol', value: 'services.notifications.v1.NotificationsService' },
      {
        case: 'fileContainingExtension',
        value: { containingType: 'services.chat.v1.Room', extensionNumber: 1 },
      },
      { case: 'allExtensionNumbersOfType', value: CHAT },
      { case: undefined },
      { case: 'fileContainingSymbol', value: 'services.chat.v1.Room' },
    );
    expect(answers.map(filesIn)).toEqual([
      '5 not found: file ../package.json',
      '5 not found: symbol constructor',
      '5 not found: symbol services.notifications.v1.NotificationsService',
      '5 not found: extension 1 of services.chat.v1.Room',
      `5 not found: message ${CHAT}`,
      '3 nothing is asked for',
      ['services/chat/v1/types.proto'],
    ]);
  });

  test('bounds what one stream may ask', async () => {
    const question = { case: 'fileByFilename', value: 'x' } as const;
    expect(await ask(...Array.from({ length: 1_000 }, () => question))).toHaveLength(1_000);
    const tooMany = ask(...Array.from({ length: 1_001 }, () => question));
    await expect(tooMany).rejects.toMatchObject({ code: Code.ResourceExhausted });
    const tooLong = ask({ case: 'fileByFilename', value: 'x'.repeat(5_000) });
    await expect(tooLong).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });

  test('lets only so many streams in at a time, and others when they have left', async () => {
    const client = createClient(ServerReflection, transportOf(app.url, 'grpc'));
    const leave = new AbortController();
    const opened = Array.from({ length: 100 }, async () => {
      const answers = client.serverReflectionInfo(askAndStay(leave.signal), { signal: leave.signal });
      const iterator = answers[Symbol.asyncIterator]();
      await iterator.next();
      return iterator;
    });
    const streams = await Promise.all(opened);
    const refused = ask({ case: 'listServices', value: '' });
    await expect(refused).rejects.toMatchObject({ code: Code.ResourceExhausted });
    leave.abort();
    await Promise.all(streams.map((stream) => stream.next().catch(() => {})));
    await expect
      .poll(() => ask({ case: 'listServices', value: '' }).then(({ length }) => length, String))
      .toBe(1);
  });

  test('an open stream ends at once when the service stops', async () => {
    const own = await startTestApp({ embedded: true });
    const client = createClient(ServerReflection, transportOf(own.url, 'grpc'));
    const left = new AbortController();
    const answers = client.serverReflectionInfo(askAndStay(left.signal))[Symbol.asyncIterator]();
    await answers.next();
    const ended = answers.next().then(
      () => 'answered',
      (error: unknown) => ConnectError.from(error).code,
    );
    const stopping = own.stop();
    expect(await ended).toBe(Code.Unavailable);
    left.abort();
    await stopping;
  });
});

/** Asks once, then says nothing until the signal. */
async function* askAndStay(signal: AbortSignal) {
  yield { host: '', messageRequest: { case: 'listServices', value: '' } } as const;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

describe('clients without proto files', () => {
  test('grpc-js calls a method with nothing but what reflection tells', async () => {
    const [answer] = await ask({ case: 'fileContainingSymbol', value: CHAT });
    const files =
      answer?.messageResponse.case === 'fileDescriptorResponse' ? answer.messageResponse.value : undefined;
    const set = create(FileDescriptorSetSchema, {
      file: (files?.fileDescriptorProto ?? []).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes)),
    });
    const loaded = loadFileDescriptorSetFromBuffer(Buffer.from(toBinary(FileDescriptorSetSchema, set)));
    const definition = loaded[CHAT];
    if (definition === undefined || 'format' in definition) throw new Error('no service');
    const Chat = grpcJs.makeClientConstructor(definition as grpcJs.ServiceDefinition, CHAT);
    const client = new Chat(app.url.replace('http://', ''), grpcJs.credentials.createInsecure());
    const metadata = new grpcJs.Metadata();
    metadata.set('authorization', `Bearer ${await tokenOf(1)}`);
    const made = await new Promise<Record<string, unknown>>((resolve, reject) => {
      client.CreateRoom?.(
        { type: 'group', name: 'Reflected', participants: [2] },
        metadata,
        (error: Error | null, value: Record<string, unknown>) =>
          error === null ? resolve(value) : reject(error),
      );
    });
    client.close();
    expect(made).toMatchObject({ success: true, room: { name: 'Reflected' } });
  });

  test.each(['grpc-v1', 'grpc-v1alpha'])('buf curl lists and calls methods by %s', async (version) => {
    const buf = async (...args: readonly string[]): Promise<string> => {
      const common = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--reflect-protocol', version];
      return (await run('buf', [...common, ...args], { cwd: root })).stdout;
    };
    const methods = (await buf('--list-methods', app.url)).split('\n');
    expect(methods).toContain(`${CHAT}/SendMessage`);
    expect(methods).toContain('services.users.v1.UsersService/UpsertUsers');
    const token = await tokenOf(2);
    const answer = await buf(
      '-H',
      `Authorization: Bearer ${token}`,
      '-d',
      '{"limit":1}',
      `${app.url}/${CHAT}/GetRooms`,
    );
    expect(JSON.parse(answer)).toHaveProperty('meta');
  });
});
