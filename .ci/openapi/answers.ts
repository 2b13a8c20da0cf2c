/**
 * What every route answers: the envelope around a response message (behaviour 1.1.1), and refusals by HTTP status (1.1.2, 1.1.3).
 */
import type { DescMessage } from '@bufbuild/protobuf';
import { description, type Json, type JsonObject, type SchemaRegistry } from './schemas.ts';

/** Makes answers, and remembers the envelopes that they need. */
export interface Answers {
  /** `responses` of an operation that answers this message. */
  to(message: DescMessage): JsonObject;
  /** `responses` of an operation that answers data of its own shape in an envelope of that name. */
  toData(name: string, data: JsonObject): JsonObject;
  /** `responses` of an operation that answers server-sent events with that message as JSON. */
  toEvents(message: DescMessage, text: string): JsonObject;
  /** The envelopes by name. */
  envelopes(): JsonObject;
}

interface Refusal {
  readonly status: number;
  readonly name: string;
  readonly text: string;
  readonly messages: readonly string[];
}

const REFUSALS: readonly Refusal[] = [
  {
    ...{ status: 400, name: 'InvalidArgument', text: 'The request breaks a rule.' },
    messages: ['invalid_request_data', 'client_id_needed'],
  },
  {
    ...{ status: 401, name: 'Unauthenticated', text: 'No token, a wrong one, or one that has expired.' },
    messages: ['invalid_token'],
  },
  {
    ...{ status: 403, name: 'PermissionDenied', text: 'The caller may not do this.' },
    messages: ['permission_denied'],
  },
  {
    ...{ status: 404, name: 'NotFound', text: 'There is no such thing, or none that the caller may see.' },
    messages: ['not_found'],
  },
  {
    ...{ status: 409, name: 'Aborted', text: 'A newer stream with the same client id took over.' },
    messages: ['stream_replaced'],
  },
  {
    ...{ status: 429, name: 'ResourceExhausted', text: 'Too much; `Retry-After` says when to come back.' },
    messages: ['rate limit exceeded', 'too many connections', 'overloaded'],
  },
  {
    ...{ status: 500, name: 'Internal', text: 'Something failed that is not the fault of the request.' },
    messages: ['internal_server_error'],
  },
  {
    ...{ status: 503, name: 'Unavailable', text: 'A store is away, or this instance stops.' },
    messages: ['internal_server_error', 'shutting_down'],
  },
];

const STATUS_AND_MESSAGE = {
  statusCode: { type: 'integer', description: 'Equals the HTTP status.' },
  message: { type: 'string', description: '`Success`, or the text of the error.' },
};
const GENERIC = {
  type: 'object',
  description:
    'What every answer is wrapped in. `data` is left out when there is nothing in it, and with errors.',
  properties: { ...STATUS_AND_MESSAGE, data: { description: 'The response message.' } },
  required: ['statusCode', 'message'],
};

/** Answers of which the parts are kept in the registry. */
export function createAnswers(registry: SchemaRegistry): Answers {
  const envelopes = new Map<string, JsonObject>([['GenericApiResponse', GENERIC]]);

  function toData(name: string, data: JsonObject): JsonObject {
    const envelope = `ApiResponse_${name}`;
    envelopes.set(envelope, {
      type: 'object',
      ...description(`The envelope around ${name}.`),
      properties: { ...STATUS_AND_MESSAGE, data },
      required: ['statusCode', 'message'],
    });
    return withRefusals({ description: 'Success', content: json(schemaRef(envelope)) }, UNARY);
  }

  return {
    toData,
    to(message) {
      if (message.fields.length > 0) return toData(message.name, registry.reference(message));
      return withRefusals({ description: 'Success', content: json(schemaRef('GenericApiResponse')) }, UNARY);
    },
    toEvents(message, text) {
      const content = { 'text/event-stream': { schema: registry.reference(message) } };
      return withRefusals({ description: text, content }, () => true);
    },
    envelopes: () => Object.fromEntries(envelopes),
  };
}

/** The refusals as components, by name. */
export function refusalComponents(): JsonObject {
  return Object.fromEntries(REFUSALS.map((refusal) => [refusal.name, refusalResponse(refusal)]));
}

/** Whether a call that is no stream can be refused with it. */
const UNARY = ({ name }: Refusal): boolean => name !== 'Aborted';

function withRefusals(success: JsonObject, counts: (refusal: Refusal) => boolean): JsonObject {
  const refused = REFUSALS.filter(counts).map(({ status, name }): [string, Json] => [
    String(status),
    { $ref: `#/components/responses/${name}` },
  ]);
  return { '200': success, ...Object.fromEntries(refused) };
}

function refusalResponse({ status, text, messages }: Refusal): JsonObject {
  const examples = messages.map((message) => [
    message.replaceAll(' ', '_'),
    { value: { statusCode: status, message } },
  ]);
  const headers = {
    'Retry-After': {
      description: 'Whole seconds after which the call may be repeated.',
      schema: { type: 'integer' },
    },
  };
  return {
    description: `${text} Messages: ${messages.map((message) => `\`${message}\``).join(', ')}.`,
    ...(status === 429 ? { headers } : {}),
    content: {
      'application/json': { ...schemaRef('GenericApiResponse'), examples: Object.fromEntries(examples) },
    },
  };
}

function json(media: JsonObject): JsonObject {
  return { 'application/json': media };
}

function schemaRef(name: string): JsonObject {
  return { schema: { $ref: `#/components/schemas/${name}` } };
}
