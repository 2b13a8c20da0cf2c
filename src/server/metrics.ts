import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { answerText, type HttpHandler, readOnly } from './exchange.ts';

/** `GET /metrics`: everything measured, in the text format of Prometheus. Anybody who reaches the port may ask. */
export function metricsHandler(metrics: Pick<Metrics, 'registry' | 'scrape'>, logger: Logger): HttpHandler {
  let running: Promise<string> | undefined;
  return readOnly((request, response) => {
    // Some values are asked of the dependencies: those who ask at the same time get the same answer.
    running ??= metrics.scrape().finally(() => {
      running = undefined;
    });
    running.then(
      (text) => answerText(request, response, 200, text, metrics.registry.contentType),
      (error: unknown) => {
        logger.error({ err: error }, 'metrics could not be collected');
        answerText(request, response, 500, 'metrics could not be collected');
      },
    );
  });
}
