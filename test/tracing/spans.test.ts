import { setImmediate } from 'node:timers/promises';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTracing, type TracingService } from '../../src/tracing/start-tracing.ts';
import type { Span, SpanStart, Tracing } from '../../src/tracing/tracing.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { callersTrace } from '../support/trace-headers.ts';

const START: SpanStart = { name: 'work', kind: 'client', attributes: { kept: 'yes', 'left-out': undefined } };

let receiver: OtlpReceiver;
let services: TracingService[];
let tracing: Tracing;
let another: Tracing;

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  const config = { endpoint: receiver.url, serviceName: 's', sampleRatio: 1 };
  const started = [1, 2].map(() => startTracing(config, '1', pino({ level: 'silent' })));
  services = (await Promise.all(started)).filter((service) => service !== undefined);
  [tracing, another] = services.map((service) => service.tracing) as [Tracing, Tracing];
});
afterAll(async () => {
  for (const service of services) await service.stop();
  await receiver.stop();
});

function call(): Span {
  return tracing.serve({ ...START, kind: 'server' }, callersTrace());
}

test('the running span is that of the innermost work, whatever it waits for, and of nobody else', async () => {
  expect(tracing.current()).toBeUndefined();
  const seen = await Promise.all(
    [call(), call()].map((span) =>
      tracing.run(span, async () => {
        await setImmediate();
        const child = tracing.child(START);
        if (child === undefined) return [];
        const within = await tracing.run(child, async () => {
          await setImmediate();
          return tracing.current() === child;
        });
        return [within, tracing.current() === span, child.traceId === span.traceId, another.current()];
      }),
    ),
  );
  expect(seen).toEqual([
    [true, true, true, undefined],
    [true, true, true, undefined],
  ]);
  expect(tracing.current()).toBeUndefined();
});

test('what goes on when a span has ended is no part of it', () => {
  const span = call();
  tracing.run(span, () => {
    expect(tracing.current()).toBe(span);
    span.end();
    expect(tracing.current()).toBeUndefined();
    expect(tracing.child(START)).toBeUndefined();
  });
});

test('a trace that nobody keeps has a name and nothing else', () => {
  const { traceId, traceparent } = callersTrace(false);
  const span = tracing.serve(START, { traceparent });
  expect(span).toMatchObject({ traceId, traceContext: undefined });
  tracing.run(span, () => {
    expect(tracing.current()).toBe(span);
    expect(tracing.child(START)).toBeUndefined();
  });
});

test('a span ends once, as it first ended', async () => {
  const span = call();
  span.end({ error: 'first', attributes: { more: 1 } });
  span.end({ error: 'second', attributes: { more: 2 } });
  const found = await receiver.trace(span.traceId, 1);
  expect(found).toMatchObject([{ error: 'first', attributes: { kept: 'yes', more: 1 } }]);
  expect(found[0]?.attributes).not.toHaveProperty('left-out');
});
