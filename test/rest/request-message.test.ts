import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  type DescMethod,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestMessage } from '../../src/rest/request-message.ts';
import { createRouteTable } from '../../src/rest/route-table.ts';
import { restRulesOf } from '../../src/rest/rules.ts';
import { everything, methodWith } from './descriptors.ts';
import { jsonOf, texts } from './query-texts.ts';

const MAX_BYTES = 4_096;
const GET = methodWith({ pattern: { case: 'get', value: '/v1/{a_string}/of/{nested.a_int32}' } });
const WHOLE = methodWith({ pattern: { case: 'post', value: '/v1/whole' }, body: '*' });
const WHOLE_AT = methodWith({ pattern: { case: 'put', value: '/v1/at/{nested.a_string}' }, body: '*' });
const PART = methodWith({ pattern: { case: 'patch', value: '/v1/part/{a_string}' }, body: 'nested' });

/** The message that a request comes to. */
async function read(
  method: DescMethod,
  path: string,
  query = '',
  body: Buffer | string = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Message> {
  const [rule] = restRulesOf([method]);
  if (rule === undefined) throw new Error('no rule');
  const match = createRouteTable([{ ...rule, target: rule }])(path);
  if (match === undefined) throw new Error('no route');
  const { variables } = match;
  const bytes = await requestMessage({ rule, variables, query }, requestWith(body, headers), MAX_BYTES);
  const json: JsonValue = JSON.parse(Buffer.from(bytes).toString());
  return fromJson(method.input, json, { ignoreUnknownFields: true });
}

/** A request as Node's parser makes it, with nobody at the other end. */
function requestWith(body: Buffer | string, headers: Readonly<Record<string, string>>): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  Object.assign(request.headers, headers);
  request.push(body);
  request.push(null);
  return request;
}

function message(json: JsonObject): Message {
  return fromJson(everything(), json);
}

function get(query: string): Promise<Message> {
  return read(GET, '/v1/x/of/1', query);
}

function plus(json: JsonObject): Message {
  return message({ aString: 'x', nested: { aInt32: 1 }, ...json });
}

describe('path and query', () => {
  test('come to what the same message in JSON comes to', async () => {
    await fc.assert(
      fc.asyncProperty(
        texts(GET.input),
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.integer(),
        async (pairs, name, id) => {
          const query = pairs.map(([key, text]) => `${encodeURIComponent(key)}=${encodeURIComponent(text)}`);
          const int32 = id | 0;
          const path = `/v1/${encodeURIComponent(name)}/of/${int32}`;
          const json = jsonOf(pairs);
          const nested = { ...(json.nested as JsonObject | undefined), aInt32: int32 };
          expect(toJson(GET.input, await read(GET, path, query.join('&')))).toEqual(
            toJson(GET.input, message({ ...json, nested, aString: name })),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test('any text at all is a message or is refused as unreadable', async () => {
    const names = fc.constantFrom(
      'a_int32',
      'aBool',
      'colour',
      'nested.a_bytes',
      'list_a_float',
      '__proto__',
      'nested.__proto__.x',
    );
    const anything = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[%&=+.\w]{0,20}$/));
    await fc.assert(
      fc.asyncProperty(names, anything, anything, async (name, text, rest) => {
        const outcome = await get(`${name}=${text}&${rest}`).catch((error: unknown) => error);
        expect(({} as Record<string, unknown>).x).toBeUndefined();
        if (!(outcome instanceof Error)) return;
        // What JSON refuses is the framework's to tell.
        const isUnreadable = outcome instanceof ConnectError && outcome.code === Code.InvalidArgument;
        expect(isUnreadable || outcome.message.includes('from JSON')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('names of the proto file and of JSON', async () => {
    expect(await get('a_int64=7&aUint64=18446744073709551615')).toEqual(
      plus({ aInt64: '7', aUint64: '18446744073709551615' }),
    );
  });

  test('repeated fields by repeating them, others take the last', async () => {
    expect(await get('list_a_int32=1&list_a_int32=2&aDouble=1&aDouble=2.5')).toEqual(
      plus({ listAInt32: [1, 2], aDouble: 2.5 }),
    );
  });

  test('enums by name and by number, also unknown numbers', async () => {
    expect(await get('colour=BLUE&list_colour=1&list_colour=RED&list_colour=99')).toEqual(
      plus({ colour: 'BLUE', listColour: [1, 'RED', 99] }),
    );
  });

  test('fields of messages by dots, under what the path says', async () => {
    expect(await get('nested.nested.a_string=deep&nested.a_int32=9')).toEqual(
      plus({ nested: { aInt32: 1, nested: { aString: 'deep' } } }),
    );
  });

  test('what is no field is ignored', async () => {
    expect(await get('page=1&nested.no=1&a_int32.b=1&__proto__=1&constructor=1&&=')).toEqual(plus({}));
  });

  test('plus and percent are decoded once', async () => {
    expect(await read(GET, '/v1/a+b%2Fc%2525/of/1', 'list_a_string=a+b&list_a_string=%252B')).toEqual(
      message({ aString: 'a+b/c%25', nested: { aInt32: 1 }, listAString: ['a b', '%2B'] }),
    );
  });

  test.each([
    ['colour=GREEN', 'an unknown name of an enum'],
    ['a_bool=yes', 'a boolean that is none'],
    ['a_bool=', 'an empty boolean'],
    ['a_string=%zz', 'no percent-encoding'],
    ['a_string=%ff', 'no UTF-8'],
    ['map=x', 'a map'],
    ['list_nested=x', 'a list of messages'],
  ])('%s is refused: %s', async (query) => {
    await expect(get(query)).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  test.each(['%', '%c3', '%e0%80%80'])('a path with %s is refused', async (segment) => {
    const refused = { code: Code.InvalidArgument };
    await expect(read(GET, `/v1/${segment}/of/1`)).rejects.toMatchObject(refused);
  });
});

describe('the body', () => {
  test('is the whole message; the query has no say', async () => {
    expect(await read(WHOLE, '/v1/whole', 'a_int32=2', '{"aInt32":1,"a_string":"x","unknown":1}')).toEqual(
      message({ aInt32: 1, aString: 'x' }),
    );
  });

  test('gives way to the path, by either name', async () => {
    const body = '{"nested":{"a_string":"body","aInt32":1},"a_int32":2,"__proto__":{"x":1}}';
    expect(await read(WHOLE_AT, '/v1/at/path', '', body)).toEqual(
      message({ nested: { aString: 'path', aInt32: 1 }, aInt32: 2 }),
    );
  });

  test('is one field, and the query has the others', async () => {
    expect(await read(PART, '/v1/part/x', 'a_int32=2', '{"aInt32":1}')).toEqual(
      message({ aString: 'x', aInt32: 2, nested: { aInt32: 1 } }),
    );
  });

  test.each([
    [WHOLE, '/v1/whole', {}],
    [WHOLE_AT, '/v1/at/x', { nested: { aString: 'x' } }],
    [PART, '/v1/part/x', { aString: 'x' }],
  ])('may be missing', async (method, path, json: JsonObject) => {
    expect(await read(method, path)).toEqual(message(json));
    expect(await read(method, path, '', '', { 'content-encoding': 'gzip' })).toEqual(message(json));
    expect(await read(method, path, '', gzipSync(''), { 'content-encoding': 'gzip' })).toEqual(message(json));
  });

  test('may be compressed', async () => {
    const body = gzipSync('{"aInt32":1}');
    expect(await read(WHOLE, '/v1/whole', '', body, { 'content-encoding': 'gzip' })).toEqual(
      message({ aInt32: 1 }),
    );
    const unknown = read(WHOLE, '/v1/whole', '', body, { 'content-encoding': 'br' });
    await expect(unknown).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test('may not be too large, nor become it', async () => {
    const large = ' '.repeat(MAX_BYTES + 1);
    const refused = { code: Code.ResourceExhausted };
    await expect(read(WHOLE, '/v1/whole', '', large)).rejects.toMatchObject(refused);
    await expect(read(WHOLE, '/v1/whole', '', '', { 'content-length': '9999' })).rejects.toMatchObject(
      refused,
    );
    const bomb = read(WHOLE, '/v1/whole', '', gzipSync(large), { 'content-encoding': 'gzip' });
    await expect(bomb).rejects.toMatchObject(refused);
  });

  test.each(['[]', '1', 'null', '"x"', '{', 'x'])('%s is no message beside a path', async (body) => {
    await expect(read(WHOLE_AT, '/v1/at/x', '', body)).rejects.toMatchObject({ code: Code.InvalidArgument });
  });
});

describe('rules', () => {
  test('further bindings are rules too', () => {
    const method = methodWith({
      pattern: { case: 'get', value: '/a' },
      additionalBindings: [
        { pattern: { case: 'delete', value: '/b' } },
        { pattern: { case: 'custom', value: { kind: 'HEAD', path: '/c' } } },
      ],
    });
    expect(restRulesOf([method]).map(({ verb, path }) => `${verb} ${path}`)).toEqual([
      'GET /a',
      'DELETE /b',
      'HEAD /c',
    ]);
  });

  test('what can not be served is found at the start', () => {
    for (const value of ['/{nobody}', '/{a_int32.x}', 'no-slash', '/{a{b}']) {
      expect(() => restRulesOf([methodWith({ pattern: { case: 'get', value } })])).toThrow();
    }
    expect(() =>
      restRulesOf([methodWith({ pattern: { case: 'post', value: '/a' }, body: 'nobody' })]),
    ).toThrow();
  });
});
