import {
  type DescMethod,
  type DescMethodUnary,
  fromJson,
  getOption,
  type JsonObject,
  type JsonValue,
  toJson,
} from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { http } from '../../src/gen/google/api/annotations_pb.ts';
import { transportOf } from './app.ts';

/** What a call comes to: the response in JSON, or the refusal as HTTP tells it. */
export type Outcome = { readonly answer: JsonObject } | { readonly status: number; readonly message: string };

/** Who calls; without a token he is nobody. */
export interface UnaryCaller {
  readonly url: string;
  readonly token?: string;
}

/** One way to call methods. */
export interface UnaryDoor {
  readonly name: string;
  /** `request` has JSON names. */
  call(caller: UnaryCaller, method: DescMethodUnary, request: JsonObject): Promise<Outcome>;
}

/** All of them. */
export const UNARY_DOORS: readonly UnaryDoor[] = [
  { name: 'Connect JSON', call: connectJson },
  { name: 'gRPC', call: grpc },
  { name: 'REST', call: rest },
];

async function connectJson(
  caller: UnaryCaller,
  method: DescMethodUnary,
  request: JsonObject,
): Promise<Outcome> {
  const path = `/${method.parent.typeName}/${method.name}`;
  const response = await post(caller, path, request, { 'connect-protocol-version': '1' });
  const answer = await jsonOf(response);
  return response.ok ? { answer } : { status: response.status, message: String(answer.message) };
}

async function grpc(caller: UnaryCaller, method: DescMethodUnary, request: JsonObject): Promise<Outcome> {
  try {
    const { message } = await transportOf(caller.url, 'grpc', headersOf(caller)).unary(
      method,
      undefined,
      undefined,
      undefined,
      fromJson(method.input, request),
    );
    const answer = toJson(method.output, message, { alwaysEmitImplicit: true });
    return { answer: asObject(answer) };
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return { status: codeToHttpStatus(code), message: rawMessage };
  }
}

async function rest(caller: UnaryCaller, method: DescMethodUnary, request: JsonObject): Promise<Outcome> {
  const { verb, path } = restRequest(method, request);
  const response =
    verb === 'GET'
      ? await fetch(`${caller.url}${path}`, { headers: headersOf(caller) })
      : await post(caller, path, request, {}, verb);
  const { statusCode, message, data = {} } = await jsonOf(response);
  if (statusCode !== response.status) throw new Error('the envelope tells another status');
  return response.ok ? { answer: asObject(data) } : { status: response.status, message: String(message) };
}

/** How a client of the inherited service calls the method: names of the proto file in path and query. */
export function restRequest(
  method: DescMethod,
  request: JsonObject,
): { readonly verb: string; readonly path: string } {
  const { pattern } = getOption(method, http);
  if (pattern.case === undefined || pattern.case === 'custom') throw new Error(`${method.name} has no route`);
  const rest = { ...request };
  const path = pattern.value.replace(/\{(\w+)\}/g, (_, name: string) => {
    const jsonName = method.input.fields.find((field) => field.name === name)?.jsonName ?? name;
    const value = rest[jsonName];
    delete rest[jsonName];
    return encodeURIComponent(String(value));
  });
  if (pattern.case !== 'get') return { verb: pattern.case.toUpperCase(), path };
  const query = new URLSearchParams();
  for (const field of method.input.fields) {
    const value = rest[field.jsonName];
    for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value]) {
      query.append(field.name, String(one));
    }
  }
  return { verb: 'GET', path: query.size === 0 ? path : `${path}?${query}` };
}

async function post(
  caller: UnaryCaller,
  path: string,
  body: JsonObject,
  headers: Readonly<Record<string, string>>,
  method = 'POST',
): Promise<Response> {
  return await fetch(`${caller.url}${path}`, {
    method,
    headers: { ...headersOf(caller), 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

function headersOf({ token }: UnaryCaller): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

async function jsonOf(response: Response): Promise<JsonObject> {
  return asObject(JSON.parse(await response.text()));
}

function asObject(value: JsonValue): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object');
  return value;
}
