import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { answerBytes, type HttpRequest, type HttpResponse } from '../server/exchange.ts';
import { compressionFor } from './request-body.ts';

/** Smaller answers grow when they are compressed. */
const COMPRESS_MIN_BYTES = 1_024;
const TYPE = 'application/json';
const PROTOCOL_HEADERS = /^(content-|accept-encoding$|connect-|trailer-)/;

/** Answers 200 with a response message in JSON, in the envelope of behaviour 1.1.1. An empty one is left out. */
export async function answerData(
  request: HttpRequest,
  response: HttpResponse,
  data: Uint8Array,
): Promise<void> {
  const text = Buffer.from(data).toString();
  const envelope = text === '{}' ? envelopeOf(200, 'Success') : envelopeOf(200, 'Success', text);
  await send(request, response, 200, envelope);
}

/** Answers a refused call: its text, and the inherited detail when the client asks for it. */
export async function answerError(
  request: HttpRequest,
  response: HttpResponse,
  error: ConnectError,
): Promise<void> {
  const status = statusOf(error);
  passHeaders(response, error.metadata);
  const isAsked = request.headers['x-show-grpc-errors-details']?.toString().toLowerCase() === 'true';
  const detail = isAsked ? detailOf(error) : undefined;
  await send(request, response, status, envelopeOf(status, error.rawMessage, detail));
}

const REFUSALS = {
  403: 'permission_denied',
  405: 'method not allowed',
  415: 'unsupported media type',
  426: 'upgrade required',
};

/** Answers that the request is none of this route's. */
export async function answerRefusal(
  request: HttpRequest,
  response: HttpResponse,
  status: keyof typeof REFUSALS,
): Promise<void> {
  await send(request, response, status, envelopeOf(status, REFUSALS[status]));
}

/** Hands on what the handler wants the client to read beside the message. */
export function passHeaders(response: HttpResponse, headers: Headers): void {
  for (const [name, value] of headers) {
    if (!PROTOCOL_HEADERS.test(name)) response.setHeader(name, value);
  }
}

/** By behaviour 1.1.2, but for a request that is too large: HTTP has a status for that. */
function statusOf({ code, rawMessage }: ConnectError): number {
  if (code === Code.ResourceExhausted && rawMessage === 'invalid_request_data') return 413;
  return codeToHttpStatus(code);
}

/** `data` is JSON text. */
function envelopeOf(statusCode: number, message: string, data?: string): string {
  const head = `{"statusCode":${statusCode},"message":${JSON.stringify(message)}`;
  return data === undefined ? `${head}}` : `${head},"data":${data}}`;
}

/** What the inherited detail says behind `:responseInfo:` (behaviour 1.1.3), as JSON text. */
function detailOf(error: ConnectError): string | undefined {
  for (const { kind } of error.findDetails(ValueSchema)) {
    const info = kind.case === 'stringValue' ? kind.value.split(':responseInfo:')[1] : undefined;
    if (info !== undefined) return Buffer.from(info, 'base64').toString();
  }
  return undefined;
}

async function send(
  request: HttpRequest,
  response: HttpResponse,
  status: number,
  envelope: string,
): Promise<void> {
  const bytes = Buffer.from(envelope);
  const compression = bytes.length < COMPRESS_MIN_BYTES ? undefined : compressionFor(request);
  const body = compression === undefined ? bytes : await compression.compress(bytes);
  if (response.destroyed) return;
  if (compression !== undefined) response.setHeader('content-encoding', compression.name);
  answerBytes(request, response, status, TYPE, body);
}
