/**
 * The OpenAPI 3.1 document of the REST routes: every `google.api.http` rule of the services, and the two routes for events.
 */
import { createFileRegistry, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createAnswers, refusalComponents } from './answers.ts';
import { eventRoutes } from './event-routes.ts';
import { operationsOf, type Route } from './operations.ts';
import { commentOf, createSchemaRegistry, type Json, type JsonObject } from './schemas.ts';

const SERVICES = [
  'services.chat.v1.ChatService',
  'services.tokens.v1.TokensService',
  'services.users.v1.UsersService',
] as const;

const DESCRIPTION = `Rooms, messages, receipts, reactions and events of a chat.

Every answer comes in an envelope of \`statusCode\`, \`message\` and \`data\`. The same methods are there for gRPC, gRPC-Web and Connect at
\`/<package>.<Service>/<Method>\`, without an envelope. Field names may also be written as in the proto files; unknown ones are ignored.`;

/** The document for a file descriptor set with comments, as \`buf build\` makes it. */
export function openApiDocument(descriptors: Uint8Array, version: string): JsonObject {
  const files = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const services = SERVICES.map((name) => files.getService(name) ?? missing(name));
  const methods = services.flatMap((service) => service.methods);
  const requests = reachable(methods.map(({ input }) => input));
  const registry = createSchemaRegistry((message) => !requests.has(message));
  const answers = createAnswers(registry);
  const stream = methods.find(({ methodKind }) => methodKind === 'server_streaming') ?? missing('the stream');
  const paths = [
    ...services.flatMap((service) => operationsOf(service, registry, answers)),
    ...eventRoutes(stream, registry, answers),
  ];
  return {
    openapi: '3.1.0',
    info: {
      title: 'ChatMessages API',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { cookie: [] }],
    tags: services.map((service) => ({ name: service.name, description: commentOf(service) })),
    paths: grouped(paths),
    components: {
      schemas: { ...answers.envelopes(), ...registry.schemas() },
      responses: refusalComponents(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of the caller.',
        },
        cookie: {
          ...{ type: 'apiKey', in: 'cookie', name: 'chat-access-token' },
          description: 'The same token in a cookie, whose name `SESSION_COOKIE_NAME` may change.',
        },
      },
    },
  };
}

function grouped(routes: readonly Route[]): JsonObject {
  const paths = new Map<string, Record<string, Json>>();
  for (const [path, method, operation] of routes) {
    const item = paths.get(path) ?? {};
    if (method in item) throw new Error(`${method} ${path} is there twice`);
    paths.set(path, { ...item, [method]: operation });
  }
  return Object.fromEntries(paths);
}

/** The messages and everything that they contain. */
function reachable(messages: readonly DescMessage[]): ReadonlySet<DescMessage> {
  const found = new Set(messages);
  for (const { fields } of found)
    for (const { message } of fields) if (message !== undefined) found.add(message);
  return found;
}

function missing(what: string): never {
  throw new Error(`${what} is missing`);
}
