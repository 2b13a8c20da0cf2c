import type { HandlerContext } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import type { SpanAttributes, Tracing } from '../tracing/tracing.ts';
import type { RpcHandler } from './adapter.ts';
import { callKey } from './context.ts';

/** Codes that say that the service failed, and not that it refused (as OpenTelemetry has it for servers of gRPC). */
const FAULTS = new Set([
  'unknown',
  'deadline_exceeded',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
]);

/**
 * The same handlers, each call in a span that continues the caller's trace. The gate makes it the call's own, and `endCall` ends it:
 * a request that never gets so far (a content type that nobody speaks) is no call, and leaves no span.
 */
export function traceCalls(
  tracing: Tracing,
  handlers: ReadonlyMap<string, RpcHandler>,
): ReadonlyMap<string, RpcHandler> {
  return new Map([...handlers].map(([path, handle]) => [path, traceCall(tracing, path, handle)]));
}

/** The same for a single handler; `path` is that of the procedure. */
export function traceCall(tracing: Tracing, path: string, handle: RpcHandler): RpcHandler {
  const [, service = '', method = ''] = path.split('/');
  const attributes = { 'rpc.service': service, 'rpc.method': method };
  return (request, response) => {
    const span = tracing.serve(
      { name: `${service}/${method}`, kind: 'server', attributes },
      {
        traceparent: single(request.headers.traceparent),
        tracestate: request.headers.tracestate?.toString(),
      },
    );
    tracing.run(span, () => handle(request, response));
  };
}

/**
 * Ends the span of a call, if it has one that has not ended. `code` is `ok`, or the Connect code in its wire spelling.
 * For a stream that is open the call is over in this sense: a span that ends with the stream would be unseen while it matters.
 */
export function endCall(context: Pick<HandlerContext, 'values' | 'protocolName'>, code: string): void {
  const call = context.values.get(callKey);
  if (call?.span === undefined) return;
  const userId = call.caller?.userId;
  call.span.end({
    attributes: {
      ...outcomeOf(context.protocolName, code),
      'enduser.id': userId === undefined ? undefined : String(userId),
    },
    error: FAULTS.has(code) ? code : undefined,
  });
}

function outcomeOf(protocol: string, code: string): SpanAttributes {
  if (protocol.startsWith('grpc')) {
    return { 'rpc.system': 'grpc', 'rpc.grpc.status_code': codeFromString(code) ?? 0 };
  }
  return { 'rpc.system': 'connect_rpc', 'rpc.connect_rpc.error_code': code === 'ok' ? undefined : code };
}

/** Of several, none can be believed. */
function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
