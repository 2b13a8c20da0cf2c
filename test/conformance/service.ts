import { create, type MessageInitShape, toBinary, toJsonString } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { pause } from '../../src/lifecycle.ts';
import { codecOf, frame, responseKey, write } from '../../src/rpc/stream-writer.ts';
import type {
  BidiRequest,
  ConformanceService,
  Protocol,
  RequestInfo,
  StreamDefinition,
  StreamRequest,
  UnaryDefinition,
  UnaryRequest,
  WantedError,
} from './protocol.ts';

type Implementation = Pick<
  ServiceImpl<ConformanceService>,
  'unary' | 'idempotentUnary' | 'clientStream' | 'serverStream' | 'bidiStream'
>;

/** A message of a stream's answer, without the kind of it. */
interface Answer {
  readonly payload: { readonly data: Uint8Array; readonly requestInfo?: RequestInfo };
}

/**
 * Does what each request asks for, and tells what it has seen, as docs/testing_servers.md of connectrpc/conformance has it. A server
 * stream answers its first message through the framework and the others by the stream writer, like the chat's own.
 */
export function createConformanceService(protocol: Protocol): Implementation {
  const seen = (context: HandlerContext, requests: readonly (UnaryRequest | StreamRequest)[]): RequestInfo =>
    requestInfoOf(protocol, context, requests);

  async function answerOnce(
    requests: readonly UnaryRequest[],
    definition: UnaryDefinition | undefined,
    context: HandlerContext,
  ): Promise<Answer> {
    const requestInfo = seen(context, requests);
    if (definition === undefined) return { payload: { data: new Uint8Array(), requestInfo } };
    const { response, responseDelayMs } = definition;
    sendMetadata(definition, context);
    await delay(responseDelayMs, context);
    if (response.case === 'error') throw toError(response.value, protocol, requestInfo);
    return { payload: { data: response.value ?? new Uint8Array(), requestInfo } };
  }

  return {
    unary: (request, context) => answerOnce([request], request.responseDefinition, context),
    idempotentUnary: (request, context) => answerOnce([request], request.responseDefinition, context),
    async clientStream(stream, context) {
      const requests: UnaryRequest[] = [];
      for await (const request of stream) requests.push(request);
      return await answerOnce(requests, requests[0]?.responseDefinition, context);
    },
    async *serverStream(request, context) {
      const { responseDefinition: definition } = request;
      if (definition === undefined) return;
      sendMetadata(definition, context);
      const send = directly(protocol, context);
      const requestInfo = seen(context, [request]);
      for (const [index, data] of definition.responseData.entries()) {
        await delay(definition.responseDelayMs, context);
        if (index === 0) yield { payload: { data, requestInfo } };
        else await send({ payload: { data } });
      }
      endWith(definition, definition.responseData.length, protocol, requestInfo);
    },
    async *bidiStream(stream, context) {
      yield* converse(stream, context, protocol, seen);
    },
  };
}

/** In full duplex one answer to each request; what is left of the answers comes after the last request. */
async function* converse(
  stream: AsyncIterable<BidiRequest>,
  context: HandlerContext,
  protocol: Protocol,
  seen: (context: HandlerContext, requests: readonly BidiRequest[]) => RequestInfo,
): AsyncGenerator<Answer> {
  let first: BidiRequest | undefined;
  let unanswered: BidiRequest[] = [];
  let sent = 0;
  for await (const request of stream) {
    unanswered.push(request);
    first ??= begin(request, context);
    if (!first.fullDuplex) continue;
    const data = first.responseDefinition?.responseData[sent];
    if (data === undefined) break;
    await delay(first.responseDefinition?.responseDelayMs ?? 0, context);
    const info = seen(context, unanswered);
    yield { payload: { data, requestInfo: sent === 0 ? info : onlyRequests(protocol, info) } };
    unanswered = [];
    sent += 1;
  }
  const definition = first?.responseDefinition;
  if (definition === undefined) return;
  const requestInfo = seen(context, unanswered);
  for (const data of definition.responseData.slice(sent)) {
    await delay(definition.responseDelayMs, context);
    yield { payload: { data, ...(sent === 0 ? { requestInfo } : {}) } };
    sent += 1;
  }
  endWith(definition, sent, protocol, requestInfo);
}

function begin(request: BidiRequest, context: HandlerContext): BidiRequest {
  if (request.responseDefinition !== undefined) sendMetadata(request.responseDefinition, context);
  return request;
}

function sendMetadata(definition: UnaryDefinition | StreamDefinition, context: HandlerContext): void {
  for (const { name, value } of definition.responseHeaders) {
    for (const each of value) context.responseHeader.append(name, each);
  }
  for (const { name, value } of definition.responseTrailers) {
    for (const each of value) context.responseTrailer.append(name, each);
  }
}

/** As long as the call runs: afterwards its end is the answer. */
async function delay(ms: number, { signal }: HandlerContext): Promise<void> {
  if (ms > 0) await pause(ms, signal);
  signal.throwIfAborted();
}

/** Throws the error that the stream shall end with. It tells what was seen when no message has told it. */
function endWith(
  { error }: StreamDefinition,
  sent: number,
  protocol: Protocol,
  requestInfo: RequestInfo,
): void {
  if (error !== undefined) throw toError(error, protocol, sent === 0 ? requestInfo : undefined);
}

function toError(
  { code, message, details }: WantedError,
  { requestInfo: schema }: Protocol,
  requestInfo: RequestInfo | undefined,
): ConnectError {
  const error = new ConnectError(message ?? '', code);
  const all = [...details, ...(requestInfo === undefined ? [] : [anyPack(schema, requestInfo)])];
  error.details = all.map(({ typeUrl, value }) => ({ type: typeUrl.replace(/^.*\//, ''), value }));
  return error;
}

/** Writes a message of a server stream as the chat's stream does. */
function directly(
  { service, registry }: Protocol,
  context: HandlerContext,
): (answer: Answer) => Promise<void> {
  const response = context.values.get(responseKey);
  if (response === undefined) throw new Error('a server stream has no response to write into');
  const schema = service.method.serverStream.output;
  const codec = codecOf(context.requestHeader.get('content-type'));
  return async (answer) => {
    const message = create(schema, answer as MessageInitShape<typeof schema>);
    const json = Buffer.from(toJsonString(schema, message, { registry }));
    await write(response, frame([{ binary: toBinary(schema, message), json }], codec), context.signal);
  };
}

function requestInfoOf(
  { registry, requestInfo }: Protocol,
  context: HandlerContext,
  requests: readonly (UnaryRequest | StreamRequest)[],
): RequestInfo {
  const timeoutMs = context.timeoutMs();
  const query = context.requestMethod === 'GET' ? [...new URL(context.url).searchParams] : [];
  return create(requestInfo, {
    requestHeaders: [...context.requestHeader].map(toHeader),
    requests: requests.map((request): Any => {
      const schema = registry.getMessage(request.$typeName);
      if (schema === undefined) throw new Error(`${request.$typeName} is not registered`);
      return anyPack(schema, request);
    }),
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
    ...(query.length === 0 ? {} : { connectGetInfo: { queryParams: query.map(toHeader) } }),
  } as MessageInitShape<typeof requestInfo>);
}

function onlyRequests({ requestInfo }: Protocol, { requests }: RequestInfo): RequestInfo {
  return create(requestInfo, { requests } as MessageInitShape<typeof requestInfo>);
}

function toHeader([name, value]: readonly [string, string]): { name: string; value: string[] } {
  return { name, value: [value] };
}
