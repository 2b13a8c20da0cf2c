import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { ResumingClient } from '../support/resuming-client.ts';
import { callersTrace } from '../support/trace-headers.ts';

describe.each(['shared', 'per-client'])('the span of a delivery, consumers %s', (consumers) => {
  let receiver: OtlpReceiver;
  let app: TestApp;
  let readers: ResumingClient[];

  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    app = await startTestApp({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, STREAM_CONSUMERS: consumers },
    });
    readers = [1, 1, 2, 3, 4].map(
      (as, index) => new ResumingClient(() => chatClient(app.url, { as, clientId: `reader-${index}` })),
    );
  });
  afterAll(async () => {
    for (const reader of readers ?? []) await reader.close();
    await app?.stop();
    await receiver?.stop();
  });

  /** Kinds of the events that a call caused, with how many streams each was given to; once so many were delivered. */
  async function deliveriesOf(
    count: number,
    call: (client: Awaited<ReturnType<typeof chatClient>>) => Promise<unknown>,
  ): Promise<[string, unknown][]> {
    const { traceId, traceparent } = callersTrace();
    await call(await chatClient(app.url, { as: 1, headers: { traceparent } }));
    const spans = await receiver.until((all) => {
      const found = all.filter((span) => span.traceId === traceId && span.name.startsWith('deliver '));
      return found.length >= count && found;
    });
    return spans
      .map(({ name, attributes }): [string, unknown] => [name, attributes['chat.streams']])
      .sort(([a], [b]) => a.localeCompare(b));
  }

  test('is one for each event, whatever the number of streams, and tells that', async () => {
    await Promise.all(readers.map((reader) => reader.untilConnected()));
    const unheard = callersTrace();
    const stranger = await chatClient(app.url, { as: 5, headers: { traceparent: unheard.traceparent } });
    await stranger.createRoom({ type: 'group', name: 'Unheard', participants: [6] });
    let roomId = '';
    const created = await deliveriesOf(3, async (client) => {
      const { room } = await client.createRoom({ type: 'group', name: 'R', participants: [2, 3] });
      roomId = room?.id ?? '';
    });
    // User 1 has two streams.
    expect(created).toEqual(
      expect.arrayContaining([
        ['deliver roomJoin', 2],
        ['deliver roomJoin', 1],
      ]),
    );
    expect(created).toHaveLength(3);
    // Every stream has to be in the room before it counts.
    const joined = (): boolean =>
      readers.slice(0, 4).every(({ events }) => events.some(({ event }) => event.case === 'roomJoin'));
    await expect.poll(joined).toBe(true);
    expect(await deliveriesOf(2, (client) => client.sendMessage({ roomId, content: 'x' }))).toEqual([
      ['deliver message', 4],
      ['deliver statusUpdate', 2],
    ]);
    // Who is removed is told so, too.
    const left = await deliveriesOf(1, (client) => client.leaveRoom({ id: roomId, participants: [3] }));
    expect(left).toContainEqual(['deliver roomLeave', 4]);
    const after = await deliveriesOf(2, (client) => client.sendMessage({ roomId, content: 'x' }));
    expect(after).toContainEqual(['deliver message', 3]);
    // What nobody here hears is not delivered. It came before all that was, and would have been told before it.
    const names = receiver.spans.filter(({ traceId }) => traceId === unheard.traceId).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('publish '))).toHaveLength(2);
    expect(names.filter((name) => name.startsWith('deliver '))).toEqual([]);
  });
});
