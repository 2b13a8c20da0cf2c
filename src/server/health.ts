import { answerText, type HttpHandler } from './exchange.ts';

/** Asks one dependency: undefined when it answers, else the text that /readyz shows (behaviour R6). */
export type Check = (signal: AbortSignal) => Promise<string | undefined>;

/** A dependency and the text that tells of its failure. */
export interface NamedCheck {
  readonly failure: string;
  readonly check: Check;
  /** More about it, for people: a line of `/readyz?verbose`. */
  readonly detail?: () => Promise<string>;
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
 * `?verbose` adds a line for each dependency that has more to say.
 */
export function readinessHandler(checks: readonly NamedCheck[], draining: AbortSignal): HttpHandler {
  let latest: { readonly at: number; readonly report: Promise<Report> } | undefined;
  return readOnly((request, response) => {
    if (draining.aborted) {
      answerText(request, response, 503, 'shutting down');
      return;
    }
    if (latest === undefined || Date.now() - latest.at > REUSE_MS) {
      latest = { at: Date.now(), report: makeReport(checks) };
    }
    const isVerbose = /\?(.*&)?verbose(&|=|$)/.test(request.url ?? '');
    void latest.report.then(({ failure, details }) => {
      const text = [failure ?? 'Ok', ...(isVerbose ? details : [])].join('\n');
      answerText(request, response, failure === undefined ? 200 : 503, text);
    });
  });
}

/** What the checks found: the first failure, and what there is to say beside it. */
interface Report {
  readonly failure: string | undefined;
  readonly details: readonly string[];
}

/** Never rejects. */
async function makeReport(checks: readonly NamedCheck[]): Promise<Report> {
  const [failures, details] = await Promise.all([
    Promise.all(checks.map(async ({ failure, check }) => await within(check, failure))),
    Promise.all(checks.map(async ({ detail }) => detail && (await within(detail, undefined)))),
  ]);
  return {
    failure: failures.find((failure) => failure !== undefined),
    details: details.filter((detail) => detail !== undefined),
  };
}

/** What the work answers in time, else `otherwise`. */
async function within<T>(work: (signal: AbortSignal) => Promise<T>, otherwise: T): Promise<T> {
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const expired = new Promise<T>((resolve) => {
    signal.addEventListener('abort', () => resolve(otherwise), { once: true });
  });
  try {
    return await Promise.race([work(signal), expired]);
  } catch {
    return otherwise;
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
