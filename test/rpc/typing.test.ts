import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openWorld, type Person, SECONDS, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };
const NOT_FOUND = { rawMessage: 'not_found', code: 5 };

describe.skipIf(inject('postgresUrl') === '')('SendTyping', () => {
  let world: World;
  let ana: Person;
  let ben: Person;

  beforeAll(async () => {
    world = await openWorld();
    [ana, ben] = await world.people(2);
  });
  afterAll(() => world?.close());

  test('reaches the others, not oneself, without a cursor', async () => {
    const room = await ana.group([ben]);
    const [mine, theirs] = [await ana.listen(), await ben.listen()];
    expect((await ana.chat.sendTyping({ roomId: room.id, isTyping: true })).success).toBe(true);
    await ana.chat.sendTyping({ roomId: room.id, isTyping: true });
    await ana.chat.sendTyping({ roomId: room.id, isTyping: false });
    const events = await theirs.take(2);
    expect(events).toMatchObject([
      { roomId: room.id, cursor: '', event: { case: 'typing', value: { userId: ana.id, isTyping: true } } },
      { roomId: room.id, cursor: '', event: { case: 'typing', value: { userId: ana.id, isTyping: false } } },
    ]);
    expect(events[0]?.event.case === 'typing' && events[0].event.value.updatedAt).toMatch(SECONDS);
    await ana.chat.muteRoom({ id: room.id });
    expect((await mine.take(1))[0]?.event.case).toBe('isRoomUpdated');
  });

  test('is for those who may send', async () => {
    const [stranger] = await world.people(1);
    const { room } = await ana.chat.createRoom({
      type: 'channel',
      sendMessage: false,
      participants: [ben.id],
    });
    const type = (person: Person, roomId: string): Promise<unknown> =>
      person.chat.sendTyping({ roomId, isTyping: true });
    await expect(type(ben, room?.id ?? '')).rejects.toMatchObject(INVALID);
    await expect(type(stranger, room?.id ?? '')).rejects.toMatchObject(NOT_FOUND);
    await expect(type(ana, randomUUID())).rejects.toMatchObject(NOT_FOUND);
    for (const roomId of ['', 'x']) await expect(type(ana, roomId)).rejects.toMatchObject(INVALID);
    const p2p = await ana.p2p(ben);
    await ben.chat.blockUser({ id: p2p.id });
    await expect(type(ana, p2p.id)).rejects.toMatchObject(INVALID);
    await expect(type(ben, p2p.id)).rejects.toMatchObject(INVALID);
  });
});
