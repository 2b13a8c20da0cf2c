import { type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { ServerReflection } from '../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from '../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { Health } from '../gen/health/v1/health_pb.ts';
import { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../gen/services/users/v1/service_pb.ts';
import type { Logger } from '../logger.ts';
import { type RpcHandler, serveRouter } from './adapter.ts';
import { type DescriptorIndex, importedFiles, indexDescriptors } from './descriptor-index.ts';

/** What reflection needs. */
export interface ReflectionDeps {
  /** Aborts when open streams shall end. */
  readonly streamsEnd: AbortSignal;
  readonly logger: Logger;
}

const MAX_REQUEST_BYTES = 4_096;
/** Nobody has to show a token, so there are bounds: for streams at a time, and for what one of them may ask. */
const MAX_STREAMS = 100;
const MAX_REQUESTS = 1_000;

/**
 * grpc.reflection.v1 and v1alpha, without a token: lists the services and answers the files that declare what is asked for, so that
 * `buf curl` and grpcurl call methods without having the proto files. What is not there is an error response in the stream; the
 * stream goes on. Only gRPC over HTTP/2 and its like can carry it, since both sides stream.
 */
export function createReflectionHandlers(deps: ReflectionDeps): ReadonlyMap<string, RpcHandler> {
  const index = indexDescriptors([
    ...[ChatService, TokensService, UsersService],
    ...[Health, ServerReflection, ServerReflectionAlpha],
  ]);
  const open = new Set<AbortSignal>();
  const router = createConnectRouter({ readMaxBytes: MAX_REQUEST_BYTES });
  // The two versions differ in the package's name only.
  const implementation = {
    serverReflectionInfo: <R extends Request>(requests: AsyncIterable<R>, context: HandlerContext) =>
      answerAll({ index, open, streamsEnd: deps.streamsEnd }, requests, context),
  };
  router.service(ServerReflection, implementation);
  router.service(ServerReflectionAlpha, implementation);
  return serveRouter(router, deps.logger);
}

/** A request of either version. */
interface Request {
  readonly host: string;
  readonly messageRequest:
    | { readonly case: 'fileByFilename' | 'fileContainingSymbol'; readonly value: string }
    | { readonly case: 'allExtensionNumbersOfType' | 'listServices'; readonly value: string }
    | { readonly case: 'fileContainingExtension'; readonly value: Extension }
    | { readonly case: undefined; readonly value?: undefined };
}

interface Extension {
  readonly containingType: string;
  readonly extensionNumber: number;
}

/** Shaped so that either version takes it. */
type Answer =
  | { readonly case: 'listServicesResponse'; readonly value: { readonly service: { name: string }[] } }
  | { readonly case: 'fileDescriptorResponse'; readonly value: { fileDescriptorProto: Uint8Array[] } }
  | {
      readonly case: 'allExtensionNumbersResponse';
      readonly value: { baseTypeName: string; extensionNumber: number[] };
    }
  | { readonly case: 'errorResponse'; readonly value: { errorCode: number; errorMessage: string } };

interface Response<R> {
  readonly validHost: string;
  readonly originalRequest: R;
  readonly messageResponse: Answer;
}

/** What all streams have in common. */
interface Shared {
  readonly index: DescriptorIndex;
  readonly open: Set<AbortSignal>;
  readonly streamsEnd: AbortSignal;
}

async function* answerAll<R extends Request>(
  { index, open, streamsEnd }: Shared,
  requests: AsyncIterable<R>,
  { signal }: HandlerContext,
): AsyncGenerator<Response<R>> {
  if (open.size >= MAX_STREAMS) throw new ConnectError('overloaded', Code.ResourceExhausted);
  open.add(signal);
  // The signal, not the generator's end, is what is sure to come.
  signal.addEventListener('abort', () => open.delete(signal), { once: true });
  const sent = new Set<DescFile>();
  let count = 0;
  for await (const request of untilEnd(requests, AbortSignal.any([signal, streamsEnd]))) {
    count += 1;
    if (count > MAX_REQUESTS) throw new ConnectError('too many requests', Code.ResourceExhausted);
    yield {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answerTo(index, request.messageRequest, sent),
    };
  }
  if (streamsEnd.aborted) throw new ConnectError('shutting_down', Code.Unavailable);
}

/** What comes before the signal: waiting for a client that says nothing ends with it, too. */
async function* untilEnd<R>(requests: AsyncIterable<R>, signal: AbortSignal): AsyncGenerator<R> {
  const ended = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const iterator = requests[Symbol.asyncIterator]();
  while (!signal.aborted) {
    const next = await Promise.race([iterator.next(), ended]);
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

function answerTo(
  index: DescriptorIndex,
  { case: kind, value }: Request['messageRequest'],
  sent: Set<DescFile>,
): Answer {
  switch (kind) {
    case 'listServices':
      return {
        case: 'listServicesResponse',
        value: { service: index.services.map((name) => ({ name })) },
      };
    case 'fileByFilename':
      return filesOf(index.file(value), sent) ?? notFound(`file ${value}`);
    case 'fileContainingSymbol':
      // Some clients write names as they are in descriptors, with a dot in front.
      return filesOf(index.fileOfSymbol(value.replace(/^\./, '')), sent) ?? notFound(`symbol ${value}`);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = value;
      const file = index.fileOfExtension(containingType, extensionNumber);
      return filesOf(file, sent) ?? notFound(`extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      const numbers = index.extensionNumbers(value);
      if (numbers === undefined) return notFound(`message ${value}`);
      return {
        case: 'allExtensionNumbersResponse',
        value: { baseTypeName: value, extensionNumber: [...numbers] },
      };
    }
    default:
      return failure(Code.InvalidArgument, 'nothing is asked for');
  }
}

/** The file, and what it imports as far as this stream has not had it yet. */
function filesOf(file: DescFile | undefined, sent: Set<DescFile>): Answer | undefined {
  if (file === undefined) return undefined;
  const files = importedFiles(file).filter((each) => each === file || !sent.has(each));
  for (const each of files) sent.add(each);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: files.map(bytesOf) } };
}

function bytesOf({ proto }: DescFile): Uint8Array {
  return toBinary(FileDescriptorProtoSchema, proto);
}

function notFound(what: string): Answer {
  return failure(Code.NotFound, `not found: ${what}`);
}

function failure(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}
