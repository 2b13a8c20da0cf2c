import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { CreateRoomRequestSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { chatClient, startTestApp, type TestApp, type TestAppOptions } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { startNats } from '../support/nats-server.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ResumingClient } from '../support/resuming-client.ts';
import { type Scrape, scrape } from '../support/scrape.ts';

const SEND = '/services.chat.v1.ChatService/SendMessage';
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const work of cleanups.splice(0).reverse()) await work();
});

async function start(options: TestAppOptions = {}): Promise<TestApp> {
  const app = await startTestApp(options);
  cleanups.push(() => app.stop());
  return app;
}

async function roomOf(
  url: string,
  request: MessageInitShape<typeof CreateRoomRequestSchema>,
): Promise<string> {
  const chat = await chatClient(url, { as: 1 });
  const { room } = await chat.createRoom(create(CreateRoomRequestSchema, request));
  return room?.id ?? '';
}

/** Asks again until the value is as expected. */
async function eventually(url: string, read: (found: Scrape) => unknown, expected: unknown): Promise<void> {
  await expect.poll(async () => read(await scrape(url))).toEqual(expected);
}

describe('messages and calls', () => {
  test('a message counts once, after it was stored, and nothing else counts', async () => {
    const { url } = await start();
    const chat = await chatClient(url, { as: 1 });
    const p2p = await roomOf(url, { type: 'p2p', participants: [2] });
    const group = await roomOf(url, { type: 'group', name: 'G', participants: [2, 3] });
    for (let count = 0; count < 3; count += 1) await chat.sendMessage({ roomId: p2p, content: 'x' });
    for (let count = 0; count < 2; count += 1) {
      await chat.sendMessage({ roomId: group, content: 'x', senderMessageId: 'once' });
    }
    await expect(chat.sendMessage({ roomId: randomUUID(), content: 'x' })).rejects.toThrow('not_found');
    await expect(chat.sendMessage({ roomId: 'no id', content: 'x' })).rejects.toThrow('invalid_request_data');
    // Writes a system message.
    await (await chatClient(url, { as: 3 })).leaveRoom({ id: group });
    const found = await scrape(url);
    const sent = (room_type: string) =>
      found.value('chat_messages_sent_total', { room_type, database: 'postgres' });
    expect([sent('p2p'), sent('group'), sent('channel')]).toEqual([3, 1, undefined]);
    const calls = (code: string) => found.value('chat_rpc_requests_total', { method: SEND, code });
    expect([calls('ok'), calls('not_found'), calls('invalid_argument')]).toEqual([5, 1, 1]);
    expect(found.value('chat_rpc_duration_seconds_count', { method: SEND })).toBe(7);
    const queries = (operation: string) =>
      found.value('chat_query_duration_seconds_count', { operation, database: 'postgres' });
    expect([queries('save_message'), queries('create_room'), queries('leave_room')]).toEqual([5, 2, 1]);
  });

  test('no label tells who or where, whatever is asked', async () => {
    const { url } = await start({ embedded: true });
    const strange = { 'x-platform': 'toaster', 'x-client-id': 'secret-client' };
    const chat = await chatClient(url, { as: 1, headers: strange });
    const roomId = await roomOf(url, { type: 'group', name: 'Secret name', participants: [2] });
    await chat.sendMessage({ roomId, content: 'secret text' });
    await fetch(`${url}/services.chat.v1.ChatService/NoSuchMethod`, { method: 'POST' });
    await fetch(`${url}/secret/path`);
    const client = new ResumingClient(() => chat);
    cleanups.push(() => client.close());
    await client.untilConnected();
    const { text, labelValues } = await scrape(url);
    expect(text).not.toMatch(/secret|toaster|NoSuchMethod/i);
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
    expect(labelValues('client_type').toSorted()).toEqual(['android', 'ios', 'unknown', 'web']);
  });
});

describe('streams', () => {
  test('open ones are counted by platform, and what becomes of them', async () => {
    const { url } = await start();
    const open = async (platform: string, clientId: string): Promise<ResumingClient> => {
      const chat = await chatClient(url, { as: 2, clientId, headers: { 'x-platform': platform } });
      const client = new ResumingClient(() => chat);
      cleanups.push(() => client.close());
      return await client.untilConnected();
    };
    const web = await open('web', 'a');
    await open('android', 'b');
    const active = (found: Scrape) =>
      ['web', 'android', 'ios', 'unknown'].map((client_type) =>
        found.value('chat_active_connections', { client_type }),
      );
    await eventually(url, active, [1, 1, 0, 0]);
    await web.close();
    await eventually(url, active, [0, 1, 0, 0]);
    await eventually(url, (found) => found.value('chat_streams_ended_total', { reason: 'closed' }), 1);
  });

  test('deliveries, delays, replays and resyncs', async () => {
    const { url } = await start();
    const roomId = await roomOf(url, { type: 'p2p', participants: [2] });
    const chat = await chatClient(url, { as: 1 });
    const reader = await chatClient(url, { as: 2, clientId: 'phone' });
    const client = new ResumingClient(() => reader);
    await client.untilConnected();
    await chat.sendMessage({ roomId, content: 'x' });
    await client.expectAll(roomId, 1, 1);
    await client.close();
    await eventually(url, (found) => found.value('chat_streams_ended_total', { reason: 'closed' }), 1);
    await chat.sendMessage({ roomId, content: 'x' });
    await eventually(url, (found) => found.value('chat_delivery_delay_seconds_count'), 6);
    // It comes back to where it was, and then with a cursor that is not ours.
    const back = new ResumingClient(() => reader);
    await back.expectAll(roomId, 2, 2);
    await back.close();
    for await (const { event } of reader.streamMessages({ cursor: 'none of yours' })) {
      expect(event.case).toBe('resyncRequired');
      break;
    }
    // A room's joins, then a status and a message for each send. What a stream counts, it counts when it is asked for more.
    await eventually(
      url,
      (found) => [
        found.value('chat_resyncs_total', { reason: 'cursor_unknown' }),
        found.value('chat_events_published_total', { event_type: 'message' }),
        found.value('chat_events_published_total', { event_type: 'roomJoin' }),
        found.value('chat_delivery_delay_seconds_count'),
        (found.value('chat_replay_events_sum') ?? 0) >= 1,
        (found.value('chat_deliveries_total') ?? 0) >= 4,
        found.value('chat_stream_buffered_events'),
      ],
      [1, 2, 2, 6, true, true, 0],
    );
  });
});

describe('where they are', () => {
  test('a port of their own keeps them off the main one', async () => {
    const { app, url } = await start({ embedded: true, env: { METRICS_PORT: '0' } });
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
    expect(app.metricsAddress().url).not.toBe(url);
    expect((await scrape(app.metricsAddress().url)).value('chat_ready')).toBe(1);
    expect((await fetch(`${app.metricsAddress().url}/readyz`)).status).toBe(404);
    await app.stop();
    await expect(fetch(`${app.metricsAddress().url}/metrics`)).rejects.toThrow();
  });

  test('they can be switched off', async () => {
    const { url } = await start({ embedded: true, env: { METRICS_ENABLED: 'false' } });
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
  });

  test('they are text for Prometheus, tell the version, and are only read', async () => {
    const { url } = await start({ embedded: true });
    const { version }: { version: string } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toContain(`chat_build_info{version="${version}"} 1`);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
  });
});

describe('when something is away', () => {
  test.skipIf(!inject('canStart').nats)('the outbox grows, and tells how old it is', async () => {
    const nats = await startNats();
    cleanups.push(() => nats.stop());
    const { url } = await start({ broker: nats.url as `nats://${string}` });
    const roomId = await roomOf(url, { type: 'p2p', participants: [2] });
    await eventually(url, (found) => found.value('chat_outbox_entries'), 0);
    await nats.kill();
    const chat = await chatClient(url, { as: 1 });
    for (let count = 0; count < 5; count += 1) await chat.sendMessage({ roomId, content: 'x' });
    await eventually(url, (found) => found.value('chat_outbox_entries'), 5);
    await eventually(url, (found) => (found.value('chat_outbox_oldest_age_seconds') ?? 0) > 1, true);
    await eventually(url, (found) => found.value('chat_ready'), 0);
    const away = await scrape(url);
    expect(away.value('chat_dependency_up', { dependency: 'nats' })).toBe(0);
    expect(away.value('chat_dependency_up', { dependency: 'postgres' })).toBe(1);
    expect(away.value('chat_events_published_errors_total', { reason: 'not_acknowledged' })).toBeGreaterThan(
      0,
    );
    await nats.restart();
    await eventually(url, (found) => found.value('chat_outbox_entries'), 0);
    await eventually(url, (found) => found.value('chat_ready'), 1);
    expect((await scrape(url)).value('chat_outbox_oldest_age_seconds')).toBe(0);
  });

  test.skipIf(!inject('canStart').postgres)('a database that stands still holds up no scrape', async () => {
    const postgres = await startPostgres();
    cleanups.push(() => postgres.stop());
    const database = await createTestDatabase(postgres.url);
    cleanups.push(() => database.drop());
    const { url } = await start({ databaseUrl: database.url });
    await eventually(url, (found) => found.value('chat_ready'), 1);
    postgres.pause();
    cleanups.push(async () => postgres.resume());
    await eventually(url, (found) => found.value('chat_dependency_up', { dependency: 'postgres' }), 0);
    expect((await scrape(url)).value('chat_outbox_entries')).toBeNaN();
    postgres.resume();
    await eventually(url, (found) => [found.value('chat_ready'), found.value('chat_outbox_entries')], [1, 0]);
  });
});
