/**
 * The two routes for events, which no rule in the proto files describes: as server-sent events, and by asking again and again.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import type { Answers } from './answers.ts';
import { described, jsonBody, type Route } from './operations.ts';
import { commentOf, description, type JsonObject, type SchemaRegistry } from './schemas.ts';

const CLIENT_ID = {
  ...{ name: 'X-Client-Id', in: 'header', required: false, schema: { type: 'string' } },
  description:
    'Names this device. Needed, here or in the cookie: a stream without a cursor goes on where the last one of this client was.',
};
const LAST_EVENT_ID = {
  ...{ name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } },
  description:
    'What a browser sends when it connects again: the cursor of the last event. It wins over `cursor`.',
};

/** `GET /api/chat/v1/stream` and `POST /api/chat/v1/poll`, which carry what the streaming method does. */
export function eventRoutes(stream: DescMethod, registry: SchemaRegistry, answers: Answers): Route[] {
  const comment = commentOf(stream);
  const tags = [stream.parent.name];
  const fields = stream.input.fields;
  const query = fields.map((field) => {
    const { description: text = '', ...schema } = registry.field(field);
    return {
      ...{ name: field.jsonName, in: 'query', required: false, schema },
      ...description(String(text)),
    };
  });
  const body = {
    type: 'object',
    properties: {
      ...Object.fromEntries(fields.map((field) => [field.jsonName, registry.field(field)])),
      waitMs: {
        ...{ type: 'integer', minimum: 0, maximum: 30_000, default: 25_000 },
        description: 'How long to wait for the first event, milliseconds.',
      },
    },
  };
  const polled: JsonObject = {
    type: 'object',
    properties: {
      events: { type: 'array', items: registry.reference(stream.output) },
      cursor: { type: 'string', description: 'What to ask with next time.' },
    },
    required: ['events', 'cursor'],
  };
  return [
    [
      '/api/chat/v1/stream',
      'get',
      {
        ...{ operationId: stream.name, tags, ...described(`${comment} As server-sent events.`) },
        parameters: [CLIENT_ID, LAST_EVENT_ID, ...query],
        responses: answers.toEvents(
          stream.output,
          "Each event has its cursor as `id` and one message as JSON in `data`. It does not end by itself; what ends it comes as event `error` with the refusal's `code` and `message`.",
        ),
      },
    ],
    [
      '/api/chat/v1/poll',
      'post',
      {
        ...{ operationId: 'PollMessages', tags },
        ...described(
          'The events since a cursor, for clients that can hold no stream. Waits for the first one if there are none yet.',
        ),
        parameters: [CLIENT_ID],
        requestBody: jsonBody(body),
        responses: answers.toData('PollMessagesResponse', polled),
      },
    ],
  ];
}
