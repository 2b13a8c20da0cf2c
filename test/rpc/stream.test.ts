import { randomUUID } from 'node:crypto';
import { createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { transportOf } from '../support/app.ts';
import { type Clients, openWorld, type Person, type World } from './world.ts';

describe.skipIf(inject('postgresUrl') === '')('StreamMessages', () => {
  let world: World;
  let ana: Person;
  let ben: Person;
  let stranger: Person;

  beforeAll(async () => {
    world = await openWorld();
    [ana, ben, stranger] = await world.people(3);
  });
  afterAll(() => world?.close());

  function clientWith(headers: Readonly<Record<string, string>>): Clients['chat'] {
    const authorization = { authorization: `Bearer ${ana.token}` };
    return createClient(ChatService, transportOf(world.url, 'connect-2', { ...authorization, ...headers }));
  }

  async function firstCase(
    chat: Clients['chat'],
    request: { roomId?: string; cursor?: string },
  ): Promise<unknown> {
    for await (const event of chat.streamMessages(request)) return event.event.case;
    return 'ended';
  }

  test('needs an explicit client id', async () => {
    const refused = { rawMessage: 'client_id_needed', code: 3 };
    await expect(firstCase(clientWith({}), {})).rejects.toMatchObject(refused);
    await expect(firstCase(clientWith({ 'x-client-id': '' }), {})).rejects.toMatchObject(refused);
  });

  test.each(['phone', 'a.b*c>d e/f', 'x'.repeat(300)])('takes the client id %s', async (clientId) => {
    expect(await firstCase(clientWith({ 'x-client-id': clientId }), {})).toBe('connected');
  });

  test('a malformed room is refused, a foreign or unknown one means all', async () => {
    const chat = clientWith({ 'x-client-id': randomUUID() });
    const refused = { rawMessage: 'invalid_request_data', code: 3 };
    await expect(firstCase(chat, { roomId: 'room' })).rejects.toMatchObject(refused);
    expect(await firstCase(chat, { roomId: '' })).toBe('connected');
    const mine = await ana.group([ben]);
    for (const roomId of [randomUUID(), (await ben.group([stranger])).id]) {
      await world.drained();
      const stream = chat.streamMessages({ roomId });
      const events = stream[Symbol.asyncIterator]();
      expect((await events.next()).value?.event.case).toBe('connected');
      const { message } = await ben.chat.sendMessage({ roomId: mine.id });
      expect((await events.next()).value?.event.value).toMatchObject({ id: message?.id });
      await events.return?.();
    }
  });

  test('a room restricts the stream', async () => {
    const [one, two] = [await ana.group([ben]), await ana.group([ben])];
    await world.drained();
    const stream = clientWith({ 'x-client-id': randomUUID() }).streamMessages({
      roomId: two.id.toUpperCase(),
    });
    const events = stream[Symbol.asyncIterator]();
    expect((await events.next()).value?.event.case).toBe('connected');
    await ben.chat.sendMessage({ roomId: one.id });
    await ben.chat.sendMessage({ roomId: two.id });
    expect((await events.next()).value?.roomId).toBe(two.id);
    await events.return?.();
  });

  test('a cursor that is not ours asks for a new start', async () => {
    const chat = clientWith({ 'x-client-id': randomUUID() });
    expect(await firstCase(chat, { cursor: 'not a cursor' })).toBe('resyncRequired');
    expect(await firstCase(chat, { cursor: '' })).toBe('connected');
  });
});
