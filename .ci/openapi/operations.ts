/**
 * The operations that `google.api.http` rules make.
 */
import { type DescField, type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '../../src/gen/google/api/annotations_pb.ts';
import type { Answers } from './answers.ts';
import { commentOf, type JsonObject, type SchemaRegistry } from './schemas.ts';

/** One operation and where it is. */
export type Route = readonly [path: string, method: string, operation: JsonObject];

/** Every method of the service that has a rule. */
export function operationsOf(service: DescService, registry: SchemaRegistry, answers: Answers): Route[] {
  return service.methods
    .filter((method) => hasOption(method, http))
    .map((method) => operationOf(method, registry, answers));
}

function operationOf(method: DescMethod, registry: SchemaRegistry, answers: Answers): Route {
  const { pattern, body, additionalBindings } = getOption(method, http);
  if (
    additionalBindings.length > 0 ||
    pattern.case === undefined ||
    pattern.case === 'custom' ||
    (body !== '' && body !== '*')
  ) {
    return fail(`${method.name}: nobody has written down yet what this rule means`);
  }
  const names = [...pattern.value.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  const inPath = names.map(
    (name) =>
      method.input.fields.find((field) => field.name === name) ?? fail(`${method.name} has no field ${name}`),
  );
  const others = method.input.fields.filter((field) => !inPath.includes(field));
  const parameters = [
    ...inPath.map((field) => parameter(field, 'path', field.name, registry)),
    ...(body === '' ? others.map((field) => parameter(field, 'query', field.jsonName, registry)) : []),
  ];
  const operation = {
    operationId: method.name,
    tags: [method.parent.name],
    ...described(commentOf(method)),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === '*' ? { requestBody: jsonBody(registry.reference(method.input)) } : {}),
    responses: answers.to(method.output),
  };
  return [pattern.value, pattern.case, operation];
}

function parameter(
  field: DescField,
  place: 'path' | 'query',
  name: string,
  registry: SchemaRegistry,
): JsonObject {
  if (field.message !== undefined) fail(`${field.toString()} can't be a parameter`);
  const { description: text, ...schema } = registry.field(field);
  return {
    ...{ name, in: place, required: place === 'path' },
    ...(text === undefined ? {} : { description: text }),
    schema,
  };
}

/** A request body of that schema. */
export function jsonBody(schema: JsonObject): JsonObject {
  return { required: true, content: { 'application/json': { schema } } };
}

/** The first sentence as summary, all of it as description when there is more. */
export function described(comment: string): JsonObject {
  const [first = ''] = comment.split(/(?<=\.) /);
  return { summary: first.replace(/\.$/, ''), ...(first === comment ? {} : { description: comment }) };
}

function fail(problem: string): never {
  throw new Error(problem);
}
