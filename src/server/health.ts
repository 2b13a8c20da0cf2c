import { answerText, type HttpHandler } from './exchange.ts';

/** Asks one dependency: undefined when it answers, else the text that /readyz shows (behaviour R6). */
export type Check = (signal: AbortSignal) => Promise<string | undefined>;

/** A dependency and the text that tells of its failure. */
export interface NamedCheck {
  readonly failure: string;
  readonly check: Check;
}

const CHECK_TIMEOUT_MS = 2_000;
/** Anybody may ask, so the dependencies are asked at most once in this time. */
const REUSE_MS = 500;

/** `GET /health`: the process lives. */
export function healthHandler(): HttpHandler {
  return readOnly((request, response) => answerText(request, response, 200, 'Ok'));
}

/**
 * `GET /readyz`: 200 `Ok` when every check passes, else 503 with the text of the first that fails, in their order.
 * A check that rejects or does not answer within two seconds fails. Not ready once `draining` aborts.
 */
export function readinessHandler(checks: readonly NamedCheck[], draining: AbortSignal): HttpHandler {
  let latest: { readonly at: number; readonly failure: Promise<string | undefined> } | undefined;
  return readOnly((request, response) => {
    if (draining.aborted) {
      answerText(request, response, 503, 'shutting down');
      return;
    }
    if (latest === undefined || Date.now() - latest.at > REUSE_MS) {
      latest = { at: Date.now(), failure: firstFailure(checks) };
    }
    void latest.failure.then((failure) =>
      answerText(request, response, failure === undefined ? 200 : 503, failure ?? 'Ok'),
    );
  });
}

/** Never rejects. */
async function firstFailure(checks: readonly NamedCheck[]): Promise<string | undefined> {
  const failures = await Promise.all(checks.map(run));
  return failures.find((failure) => failure !== undefined);
}

async function run({ failure, check }: NamedCheck): Promise<string | undefined> {
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const expired = new Promise<string>((resolve) => {
    signal.addEventListener('abort', () => resolve(failure), { once: true });
  });
  try {
    return await Promise.race([check(signal), expired]);
  } catch {
    return failure;
  }
}

function readOnly(handler: HttpHandler): HttpHandler {
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') {
      handler(request, response);
      return;
    }
    response.setHeader('allow', 'GET, HEAD');
    answerText(request, response, 405, 'method not allowed');
  };
}
