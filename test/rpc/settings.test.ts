import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { openWorld, type Person, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };

describe.skipIf(inject('postgresUrl') === '')('settings of the chat', () => {
  let world: World;
  let ana: Person;
  let others: readonly Person[];
  let room: Room;

  beforeAll(async () => {
    world = await openWorld({
      STORE_PLAINTEXT: 'true',
      MAX_CONTENT_CHARS: '100',
      MAX_PARTICIPANTS_PER_CALL: '3',
      MAX_GROUP_MEMBERS: '4',
    });
    const [first, ...rest] = await world.people(6);
    ana = first;
    others = rest;
    room = await ana.group(others.slice(0, 2));
  });
  afterAll(() => world?.close());

  test('the clear text is stored, refreshed by an edit, and blank after deletion', async () => {
    const content = world.encrypt(room, 'Hola 👋');
    const { message } = await ana.chat.sendMessage({ roomId: room.id, content });
    const id = message?.id ?? '';
    expect(message?.content).toBe(content);
    expect(await world.stored.clearText(id)).toBe('Hola 👋');
    await ana.chat.editMessage({ messageId: id, newContent: world.encrypt(room, 'Adiós') });
    expect(await world.stored.clearText(id)).toBe('Adiós');
    await ana.chat.editMessage({ messageId: id, newContent: 'no cipher' });
    expect(await world.stored.clearText(id)).toBe('');
    await ana.chat.editMessage({ messageId: id, newContent: world.encrypt(room, 'Again') });
    await ana.chat.deleteMessage({ roomId: room.id, messageIds: [id] });
    expect(await world.stored.clearText(id)).toBeFalsy();
  });

  test.each(['', 'AAAA', '!!', 'ABEiM0RVZneImaq7zN3u/w=='])(
    'content %j is accepted, its clear text is empty',
    async (content) => {
      const { message } = await ana.chat.sendMessage({ roomId: room.id, content });
      expect(message?.content).toBe(content);
      expect(await world.stored.clearText(message?.id ?? '')).toBe('');
    },
  );

  test('a clear text that no store can hold does not fail the message', async () => {
    const { message } = await ana.chat.sendMessage({ roomId: room.id, content: world.encrypt(room, 'a\0b') });
    expect(await world.stored.clearText(message?.id ?? '')).toBe('ab');
  });

  test('content is limited as set', async () => {
    const send = (content: string): Promise<unknown> => ana.chat.sendMessage({ roomId: room.id, content });
    await send('👋'.repeat(100));
    await expect(send('x'.repeat(101))).rejects.toMatchObject(INVALID);
  });

  test('members are limited as set, in one call and in all', async () => {
    const ids = others.map(({ id }) => id);
    const createRoom = (participants: number[]): Promise<unknown> =>
      ana.chat.createRoom({ type: 'group', name: 'x', participants });
    await createRoom(ids.slice(0, 3));
    await expect(createRoom(ids.slice(0, 4))).rejects.toMatchObject(INVALID);
    const add = (participants: number[]): Promise<unknown> =>
      ana.chat.addParticipantToRoom({ id: room.id, participants });
    await expect(add(ids.slice(2, 4))).rejects.toMatchObject(INVALID);
    await expect(add(ids.slice(0, 4))).rejects.toMatchObject(INVALID);
    await add(ids.slice(0, 3));
    await expect(add(ids.slice(3, 4))).rejects.toMatchObject(INVALID);
    await add(ids.slice(0, 3));
  });
});
