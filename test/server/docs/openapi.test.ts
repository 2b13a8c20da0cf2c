import { readFileSync } from 'node:fs';
import { getOption, hasOption } from '@bufbuild/protobuf';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { descriptionFiles, keptFile } from '../../../.ci/descriptions.ts';
import { http } from '../../../src/gen/google/api/annotations_pb.ts';
import { ChatService } from '../../../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../../src/gen/services/users/v1/service_pb.ts';

interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly string[];
  readonly type?: string;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly $ref?: string; readonly content?: Record<string, { schema: Schema }> }>
  >;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, { readonly description: string }>>;
    readonly securitySchemes: Readonly<Record<string, { readonly type: string }>>;
  };
}

const kept = (name: string): string => keptFile(name)?.toString() ?? '';
const api: Document = JSON.parse(kept('openapi.json'));

/** What the success of an operation carries in its envelope. */
function answerOf({ responses }: Operation): { readonly name: string; readonly data: Schema | undefined } {
  const name = responses['200']?.content?.['application/json']?.schema.$ref?.split('/').at(-1) ?? '';
  return { name, data: api.components.schemas[name]?.properties?.data };
}

function operation(method: string, path: string): Operation {
  const found = api.paths[path]?.[method];
  if (found === undefined) throw new Error(`there is no ${method} ${path}`);
  return found;
}

describe('the OpenAPI document', () => {
  test('is what the proto files make, and the viewer is that of its package', () => {
    for (const [name, content] of descriptionFiles()) {
      expect(keptFile(name)?.equals(content), `${name}: run npm run generate`).toBe(true);
    }
  });

  test('is valid OpenAPI 3.1, and says the same as YAML', async () => {
    const validator = new Validator();
    const result = await validator.validate(JSON.parse(kept('openapi.json')));
    expect(result).toMatchObject({ valid: true });
    expect(validator.version).toBe('3.1');
    expect(parse(kept('openapi.yaml'))).toEqual(api);
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(api.info).toMatchObject({ title: 'ChatMessages API', version });
    expect(api.servers).toEqual([{ url: '/' }]);
  });

  test('has every route of the contract, and each reference leads somewhere', () => {
    const rules = [ChatService, TokensService, UsersService]
      .flatMap(({ methods }) => methods)
      .filter((method) => hasOption(method, http))
      .map((method) => {
        const { pattern } = getOption(method, http);
        return `${pattern.case} ${String(pattern.value)} ${method.name}`;
      });
    const routes = Object.entries(api.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId }]) => `${method} ${path} ${operationId}`),
    );
    const events = ['get /api/chat/v1/stream StreamMessages', 'post /api/chat/v1/poll PollMessages'];
    expect(routes.sort()).toEqual([...rules, ...events].sort());
    for (const [, reference = ''] of kept('openapi.json').matchAll(/"\$ref": "#\/([^"]+)"/g)) {
      const target = reference.split('/').reduce<unknown>((at, key) => Object(at)[key], api);
      expect(target, reference).toBeDefined();
    }
  });

  test('takes path, query and body as the routes do', () => {
    const history = operation('get', '/api/chat/v1/history/{id}');
    expect(history.parameters?.map(({ name, in: place, required }) => [name, place, required])).toEqual(
      expect.arrayContaining([
        ['id', 'path', true],
        ['limit', 'query', false],
        ['beforeMessageId', 'query', false],
      ]),
    );
    const sender = operation('get', '/api/chat/v1/sender/message/{sender_message_id}');
    expect(sender.parameters?.[0]).toMatchObject({ name: 'sender_message_id', in: 'path' });
    expect(history.requestBody).toBeUndefined();
    const send = operation('post', '/api/chat/v1/send');
    const body = send.requestBody?.content['application/json']?.schema.$ref ?? '';
    expect(api.components.schemas[body.split('/').at(-1) ?? '']?.properties).toMatchObject({
      roomId: { type: 'string' },
      mentions: { type: 'array', items: { $ref: '#/components/schemas/CreateMention' } },
    });
    const poll = operation('post', '/api/chat/v1/poll').requestBody?.content['application/json']?.schema;
    expect(Object.keys(poll?.properties ?? {}).sort()).toEqual(['cursor', 'roomId', 'waitMs']);
  });

  test('wraps every success in the envelope', () => {
    expect(answerOf(operation('get', '/api/chat/v1/message/{id}'))).toEqual({
      name: 'ApiResponse_MessageData',
      data: { $ref: '#/components/schemas/MessageData' },
    });
    for (const [path, item] of Object.entries(api.paths)) {
      for (const each of Object.values(item)) {
        if (each.operationId === 'StreamMessages') continue;
        const { name, data } = answerOf(each);
        expect(name, path).toMatch(/^(GenericApiResponse|ApiResponse_\w+)$/);
        expect(data, path).toBeDefined();
        expect(api.components.schemas[name], path).toMatchObject({ required: ['statusCode', 'message'] });
      }
    }
    const { data } = answerOf(operation('post', '/api/chat/v1/poll'));
    expect(data?.properties?.events?.items).toEqual({ $ref: '#/components/schemas/MessageEvent' });
    const stream = operation('get', '/api/chat/v1/stream').responses['200']?.content ?? {};
    expect(Object.keys(stream)).toEqual(['text/event-stream']);
  });

  test('tells refusals with their messages, and how callers are recognised', () => {
    const { responses } = operation('post', '/api/chat/v1/send');
    expect(Object.keys(responses)).toEqual(['200', '400', '401', '403', '404', '429', '500', '503']);
    expect(operation('get', '/api/chat/v1/stream').responses).toHaveProperty('409');
    expect(api.components.responses.Unauthenticated?.description).toContain('`invalid_token`');
    expect(api.components.responses.ResourceExhausted?.description).toContain('`rate limit exceeded`');
    expect(api.security).toEqual([{ bearer: [] }, { cookie: [] }]);
    expect(Object.keys(api.components.securitySchemes)).toEqual(['bearer', 'cookie']);
  });

  test('has the comments of the proto files, and says what is always there', () => {
    const send = operation('post', '/api/chat/v1/send');
    expect(send.summary).toBe('Stores a message and delivers it to every member of the room');
    expect(send.description).toContain('Idempotent by `sender_message_id`.');
    const { Room, MessageStatus, MessageEvent, SendMessageRequest } = api.components.schemas;
    expect(Room?.properties?.photoUrl?.description).toBe("For p2p the partner's avatar.");
    expect(Room?.required).toContain('unreadCount');
    expect(Room?.required).not.toContain('lastMessage');
    expect(Room?.required).not.toContain('partner');
    expect(SendMessageRequest?.required).toBeUndefined();
    expect(MessageStatus?.enum).toContain('MESSAGE_STATUS_READ');
    expect(MessageStatus?.description).toContain('`MESSAGE_STATUS_SENT`: Stored.');
    expect(MessageEvent?.required).toEqual(['roomId', 'eventId', 'cursor']);
    expect(MessageEvent?.description).toContain('`resyncRequired`');
  });
});
