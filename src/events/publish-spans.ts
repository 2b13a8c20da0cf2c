import type { Span, Tracing } from '../tracing/tracing.ts';
import type { BrokerMessage } from './broker.ts';

/** A batch on its way to the broker. */
export interface TracedBatch {
  /** The same messages; those of a trace go on under their publish spans. */
  readonly messages: readonly BrokerMessage[];
  /** The first `stored` of them were acknowledged, the others were not: they will be published again, under spans of their own. */
  end(stored: number): void;
}

/** Begins a span for each message whose cause is traced. `types` are those of the messages. */
export function tracePublish(
  tracing: Tracing,
  messages: readonly BrokerMessage[],
  types: readonly string[],
): TracedBatch {
  const spans = messages.map((message, index) => begin(tracing, message, types[index] ?? 'unknown'));
  return {
    messages: messages.map((message, index) => {
      const span = spans[index];
      return span === undefined ? message : { ...message, traceContext: span.traceContext };
    }),
    end(stored) {
      for (const [index, span] of spans.entries()) {
        span?.end(index < stored ? {} : { error: 'not_acknowledged' });
      }
    },
  };
}

function begin(tracing: Tracing, message: BrokerMessage, type: string): Span | undefined {
  if (message.traceContext === undefined) return undefined;
  return tracing.follow(message.traceContext, {
    name: `publish ${type}`,
    kind: 'producer',
    attributes: {
      'messaging.operation.type': 'send',
      'messaging.destination.name': message.subject,
      'messaging.message.id': message.id,
    },
  });
}
