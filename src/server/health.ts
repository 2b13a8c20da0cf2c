import { answerText, type HttpHandler, type HttpRequest, readOnly } from './exchange.ts';
import type { DependencyReport, Readiness } from './readiness.ts';

/** `GET /health`: the process lives. */
export function healthHandler(): HttpHandler {
  return readOnly((request, response) => answerText(request, response, 200, 'Ok'));
}

/**
 * `GET /readyz`: 200 `Ok` when every dependency passes its check, else 503 with the text of the first that fails, in their order.
 * Not ready once `draining` aborts. `?essential` leaves out what calls go on without, for balancers: taking every instance away because
 * the broker or Redis is away would end what still works. `?verbose` adds a line for each dependency: its state, how long its check took, and what else there is to say.
 */
export function readinessHandler(readiness: Readiness, draining: AbortSignal): HttpHandler {
  return readOnly((request, response) => {
    if (draining.aborted) {
      answerText(request, response, 503, 'shutting down');
      return;
    }
    const isVerbose = asks(request, 'verbose');
    const isEssential = asks(request, 'essential');
    void readiness.report().then(({ failure: first, essentialFailure, dependencies }) => {
      const failure = isEssential ? essentialFailure : first;
      const text = [failure ?? 'Ok', ...(isVerbose ? dependencies.flatMap(linesOf) : [])].join('\n');
      answerText(request, response, failure === undefined ? 200 : 503, text);
    });
  });
}

/** Whether the query has the parameter, with or without a value. */
function asks({ url = '' }: HttpRequest, parameter: string): boolean {
  return new URLSearchParams(url.split('?', 2)[1] ?? '').has(parameter);
}

function linesOf({ dependency, failure, ms, detail }: DependencyReport): string[] {
  const line = `${dependency}: ${failure ?? 'ok'}, ${ms.toFixed(1)} ms`;
  return detail === undefined ? [line] : [line, detail];
}
