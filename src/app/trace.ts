import packageJson from '../../package.json' with { type: 'json' };
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { StreamsHooks } from '../streams/hooks.ts';
import { startTracing, type TracingService } from '../tracing/start-tracing.ts';
import type { Tracing } from '../tracing/tracing.ts';

/** Tracing as the configuration wants it; undefined when it wants none. */
export async function openTracing({ tracing }: Config, logger: Logger): Promise<TracingService | undefined> {
  return await startTracing(tracing, packageJson.version, logger);
}

/** Makes a span for each traced event that this instance delivers, under that of its publication. One, whatever the number of streams. */
export function traceDeliveries(tracing: Tracing): Required<Pick<StreamsHooks, 'traced'>> {
  return {
    traced({ event, subject, traceContext }, streams, since) {
      if (traceContext === undefined) return;
      const span = tracing.follow(traceContext, {
        name: `deliver ${event.event.case ?? 'unknown'}`,
        kind: 'consumer',
        startedAt: since,
        attributes: {
          'messaging.operation.type': 'process',
          'messaging.destination.name': subject,
          'messaging.message.id': event.eventId,
          'chat.streams': streams,
        },
      });
      span?.end();
    },
  };
}
