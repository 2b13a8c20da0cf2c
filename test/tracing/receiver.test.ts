import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTracing, type TracingService } from '../../src/tracing/start-tracing.ts';
import { chatClient, startTestApp, type TestAppOptions } from '../support/app.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { freePort } from '../support/ports.ts';

/** What a stop may take with a receiver that does not answer: two seconds, and what a busy machine adds. */
const STOP_MS = 6_000;

describe('a receiver of traces', () => {
  let receiver: OtlpReceiver;
  let logs: Record<string, unknown>[];

  beforeEach(async () => {
    receiver = await OtlpReceiver.start();
    logs = [];
  });
  afterEach(() => receiver.stop());

  async function start(endpoint = receiver.url): Promise<TracingService> {
    const logger = pino({}, { write: (line) => logs.push(JSON.parse(line)) });
    const service = await startTracing({ endpoint, serviceName: 's', sampleRatio: 1 }, '1', logger);
    if (service === undefined) throw new Error('it is not on');
    return service;
  }

  function span({ tracing }: TracingService, name = 'work'): void {
    tracing.serve({ name, kind: 'server', attributes: {} }, {}).end();
  }

  test('gets spans by itself, and the rest at the end', async () => {
    const service = await start();
    span(service, 'first');
    await receiver.until((spans) => spans.length === 1);
    span(service, 'last');
    await service.stop();
    await service.stop();
    expect(receiver.spans.map(({ name }) => name)).toEqual(['first', 'last']);
    expect(receiver.spans[0]?.service).toMatchObject({ 'service.name': 's', 'service.version': '1' });
    expect(logs).toEqual([]);
    // Too late, and nobody's trouble.
    span(service, 'late');
  });

  test('that refuses is complained about once, until it takes spans again', async () => {
    receiver.behaviour = 500;
    const service = await start();
    for (let refused = 1; refused <= 3; refused += 1) {
      span(service);
      await receiver.until(() => receiver.requests === refused);
    }
    receiver.behaviour = 'takes';
    span(service, 'good');
    await receiver.until((spans) => spans.some(({ name }) => name === 'good'));
    await service.stop();
    expect(logs.map(({ level, msg }) => [level, msg])).toEqual([
      [40, 'traces can not be sent'],
      [30, 'traces are sent again'],
    ]);
    expect(receiver.spans.map(({ name }) => name)).toEqual(['good']);
  });

  test('that is too slow gets as much as may wait, and the rest is dropped with one complaint', async () => {
    receiver.behaviour = 'silent';
    const service = await start();
    for (let count = 0; count < 10_000; count += 1) span(service);
    await receiver.until(() => receiver.requests === 1);
    expect(logs.map(({ msg }) => msg)).toEqual(['more traces than can be sent: some are dropped']);
    receiver.behaviour = 'takes';
    await service.stop();
    // One batch was on its way when the receiver said nothing.
    expect(receiver.spans).toHaveLength(2_048);
  });

  test('that says nothing does not keep a stop waiting, which has a deadline of its own too', async () => {
    receiver.behaviour = 'silent';
    const service = await start();
    span(service);
    const from = performance.now();
    await service.stop(AbortSignal.abort());
    expect(performance.now() - from).toBeLessThan(1_000);
  });

  test.each(['silent', 500, 'away'] as const)(
    'that is %s troubles neither calls nor a stop',
    async (what) => {
      receiver.behaviour = what === 'away' ? 'takes' : what;
      const endpoint = what === 'away' ? `http://127.0.0.1:${await freePort()}` : receiver.url;
      const options: TestAppOptions = { env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } };
      const app = await startTestApp(options);
      const client = await chatClient(app.url, { as: 1 });
      const { room } = await client.createRoom({ type: 'group', name: 'R', participants: [2] });
      for (let sequence = 1; sequence <= 20; sequence += 1) {
        const { message } = await client.sendMessage({ roomId: room?.id ?? '', content: 'x' });
        expect(message?.sequence).toBe(sequence);
      }
      const from = performance.now();
      await app.stop();
      expect(performance.now() - from).toBeLessThan(STOP_MS);
      expect(app.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
      expect(app.logs.filter(({ msg }) => msg === 'traces can not be sent')).toHaveLength(1);
      expect(receiver.spans).toEqual([]);
    },
  );
});
