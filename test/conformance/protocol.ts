import { readFileSync } from 'node:fs';
import { createFileRegistry, type FileRegistry, fromBinary, type Message } from '@bufbuild/protobuf';
import type { GenMessage, GenService } from '@bufbuild/protobuf/codegenv2';
import { type Any, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/*
 * The messages of connectrpc.conformance.v1 as far as a server reads or makes them. Their descriptors come at run time from the
 * runner's own Protobuf files, so that nothing generated has to be kept in step with its version.
 */

interface Header extends Message {
  readonly name: string;
  readonly value: readonly string[];
}

/** An error that a call shall end with. */
export interface WantedError extends Message {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

/** How the answer of one message shall look. */
export interface UnaryDefinition extends Message {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly response:
    | { readonly case: 'responseData'; readonly value: Uint8Array }
    | { readonly case: 'error'; readonly value: WantedError }
    | { readonly case: undefined; readonly value?: undefined };
}

/** How the answer of several messages shall look. */
export interface StreamDefinition extends Message {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
  readonly responseData: readonly Uint8Array[];
  readonly error?: WantedError;
}

/** What a server has seen of a call. */
export interface RequestInfo extends Message {
  readonly requestHeaders: readonly Header[];
  readonly timeoutMs?: bigint;
  readonly requests: readonly Any[];
  readonly connectGetInfo?: Message & { readonly queryParams: readonly Header[] };
}

interface Payload extends Message {
  readonly data: Uint8Array;
  readonly requestInfo?: RequestInfo;
}

/** Any request that asks for an answer of one message. */
export interface UnaryRequest extends Message {
  readonly responseDefinition?: UnaryDefinition;
}

/** Any request that asks for an answer of several. */
export interface StreamRequest extends Message {
  readonly responseDefinition?: StreamDefinition;
}

/** The first request tells for the whole call. */
export interface BidiRequest extends StreamRequest {
  readonly fullDuplex: boolean;
}

/** Every kind of response. */
export interface Response extends Message {
  readonly payload?: Payload;
}

interface ServerCompatRequest extends Message {
  /** 0: no limit is asked for. */
  readonly messageReceiveLimit: number;
}

interface ServerCompatResponse extends Message {
  readonly host: string;
  readonly port: number;
}

type Unary = {
  readonly methodKind: 'unary';
  readonly input: GenMessage<UnaryRequest>;
  readonly output: GenMessage<Response>;
};

/** The service that the runner calls; `unimplemented` is left out on purpose. */
export type ConformanceService = GenService<{
  readonly unary: Unary;
  readonly idempotentUnary: Unary;
  readonly clientStream: Omit<Unary, 'methodKind'> & { readonly methodKind: 'client_streaming' };
  readonly serverStream: {
    readonly methodKind: 'server_streaming';
    readonly input: GenMessage<StreamRequest>;
    readonly output: GenMessage<Response>;
  };
  readonly bidiStream: {
    readonly methodKind: 'bidi_streaming';
    readonly input: GenMessage<BidiRequest>;
    readonly output: GenMessage<Response>;
  };
}>;

/** The runner's protocol, by its descriptors. */
export interface Protocol {
  /** Every message, for those inside an `Any`. */
  readonly registry: FileRegistry;
  readonly service: ConformanceService;
  readonly requestInfo: GenMessage<RequestInfo>;
  readonly serverRequest: GenMessage<ServerCompatRequest>;
  readonly serverResponse: GenMessage<ServerCompatResponse>;
}

const PACKAGE = 'connectrpc.conformance.v1';

/** Reads it from an image as `buf build` makes it. Throws when something is not in it. */
export function readProtocol(image: string): Protocol {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image)));
  const message = <T extends Message>(name: string): GenMessage<T> => {
    const found = registry.getMessage(`${PACKAGE}.${name}`);
    if (found === undefined) throw new Error(`${image} has no message ${name}`);
    // The interfaces above say what generated code would.
    return found as GenMessage<T>;
  };
  const service = registry.getService(`${PACKAGE}.ConformanceService`);
  if (service === undefined) throw new Error(`${image} has no service`);
  return {
    registry,
    service: service as unknown as ConformanceService,
    requestInfo: message('ConformancePayload.RequestInfo'),
    serverRequest: message('ServerCompatRequest'),
    serverResponse: message('ServerCompatResponse'),
  };
}
