import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import type { StoredMessage } from '../../src/events/broker.ts';
import { roomSubject } from '../../src/events/subjects.ts';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { callersTrace } from '../support/trace-headers.ts';

test('without a receiver nothing is traced, and no code for it is loaded', async () => {
  const app = await startTestApp();
  const { traceparent } = callersTrace();
  const { rows, stored } = await sendAndStop(app, traceparent);
  expect(rows).toEqual([null, null]);
  expect(stored.length).toBeGreaterThan(0);
  expect(stored.every((message) => message.traceContext === undefined)).toBe(true);
  expect(app.logs.some(({ msg }) => msg === 'rpc')).toBe(true);
  expect(app.logs.filter((line) => 'traceId' in line)).toEqual([]);
  expect(loaded()).toEqual([]);

  // The proof of the proof.
  const receiver = await OtlpReceiver.start();
  const traced = await startTestApp({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } });
  const found = await sendAndStop(traced, traceparent);
  expect(found.rows.every((context) => context?.includes(traceparent.slice(3, 35)))).toBe(true);
  expect(loaded()).not.toEqual([]);
  await receiver.stop();
});

/** What a service leaves in its outbox and its broker of sends in a room. */
async function sendAndStop(
  app: TestApp,
  traceparent: string,
): Promise<{ readonly rows: readonly (string | null)[]; readonly stored: readonly StoredMessage[] }> {
  const { broker, dispatcher, db } = app.app.parts();
  const client = await chatClient(app.url, { as: 1, headers: { traceparent } });
  const { room } = await client.createRoom({ type: 'group', name: 'R', participants: [2] });
  const roomId = room?.id ?? '';
  await client.sendMessage({ roomId, content: 'published' });
  // Publishes what there is, and then leaves alone what comes.
  await dispatcher.stop();
  const { message } = await client.sendMessage({ roomId, content: 'kept' });
  await client.editMessage({ messageId: message?.id ?? '', newContent: 'kept' });
  const { rows } = await db.query<{ trace_context: string | null }>('SELECT trace_context FROM outbox', []);
  const { last: until } = await broker.state();
  const stored: StoredMessage[] = [];
  const what = { after: 0, until, subjects: [roomSubject(roomId)] };
  for await (const batch of broker.read(what, AbortSignal.timeout(10_000))) stored.push(...batch);
  await app.stop();
  return { rows: rows.map((row) => row.trace_context), stored };
}

/** Files of OpenTelemetry that this process has loaded, but for its API, which prom-client loads too. */
function loaded(): string[] {
  return Object.keys(createRequire(import.meta.url).cache).filter((path) =>
    /@opentelemetry\/(?!api\/)/.test(path),
  );
}
