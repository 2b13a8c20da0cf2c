import type { DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { HttpRequest } from '../server/exchange.ts';
import { asObject, fieldAt, setField, setText } from './fields.ts';
import { decode, queryPairs } from './query.ts';
import { readBody } from './request-body.ts';
import type { RestRule } from './rules.ts';
import { unreadable } from './unreadable.ts';

/** Where a request has the fields of its message. */
export interface RequestParts {
  readonly rule: Pick<RestRule, 'method' | 'template' | 'body'>;
  /** What the path says, still encoded, in the order of the template's fields. */
  readonly variables: readonly string[];
  /** Behind the question mark. */
  readonly query: string;
}

/**
 * The request message as JSON text: the body by the rule, then the query, then the path, each over what was before. Asks for the body when it is
 * asked itself, so that nothing is read of a caller who was refused. Throws {@link unreadable}, and `resource_exhausted` for a body over `maxBytes`.
 */
export async function requestMessage(
  parts: RequestParts,
  request: HttpRequest,
  maxBytes: number,
): Promise<Uint8Array> {
  const { rule, variables, query } = parts;
  const body = rule.body === '' ? undefined : await readBody(request, maxBytes);
  // The usual case: the framework reads it.
  if (rule.body === '*' && variables.length === 0 && body !== undefined && body.length > 0) return body;
  return Buffer.from(JSON.stringify(assembled(rule, body, variables, query)));
}

function assembled(
  { method, template, body }: RequestParts['rule'],
  bytes: Uint8Array | undefined,
  variables: readonly string[],
  query: string,
): JsonObject {
  const { input } = method;
  const message = bodyOf(input, body, bytes);
  // With the whole message in the body there is nothing left for a query.
  if (body !== '*') readQuery(message, input, query);
  for (const [index, path] of template.fields.entries()) {
    const place = fieldAt(input, path);
    if (place !== undefined) setText(message, place, decode(variables[index] ?? ''));
  }
  return message;
}

/** Sets what a query has for the fields of a message; what it has beside them is ignored. */
export function readQuery(target: JsonObject, message: DescMessage, query: string): void {
  for (const [name, value] of queryPairs(query)) {
    const place = fieldAt(message, name);
    if (place !== undefined) setText(target, place, value);
  }
}

/** A JSON text; one without anything is an empty object. */
export function parseJson(bytes: Uint8Array): JsonValue {
  if (bytes.length === 0) return {};
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw unreadable();
  }
}

function bodyOf(input: DescMessage, body: string, bytes: Uint8Array | undefined): JsonObject {
  if (bytes === undefined) return {};
  if (body === '*') return asObject(parseJson(bytes));
  const message: JsonObject = {};
  const place = fieldAt(input, body);
  if (place !== undefined && bytes.length > 0) setField(message, place.field, parseJson(bytes));
  return message;
}
