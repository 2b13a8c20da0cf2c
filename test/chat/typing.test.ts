import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import type { Caller } from '../../src/auth/caller.ts';
import { createTyping, TYPING_INTERVAL_MS, type TypingService } from '../../src/chat/typing.ts';
import { RoomSchema, SendTypingRequestSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { ROOM_ID } from './states.ts';

const OTHER_ROOM = '5f0c9a52-7d5e-4c59-9a5c-9a3f6b1f7c12';

function caller(userId: number): Caller {
  const client = { clientId: 'c', lang: 'en', timezone: '', platform: 'web', clientVersion: '1' } as const;
  return { userId, isAdmin: false, expiresAt: 0, client };
}

/** Typing in open rooms, with a clock that the test moves. */
function setUp(): { typing: TypingService; heard: string[]; clock: { now: number } } {
  const heard: string[] = [];
  const clock = { now: 0 };
  const typing = createTyping({
    rooms: { getRoom: async (_, id) => create(RoomSchema, { id, type: 'group', role: 'OWNER' }) },
    notifier: {
      typing: (_, userId, { roomId, event }) => {
        const state = event.case === 'typing' && event.value.isTyping ? 'types' : 'stopped';
        heard.push(`${userId} ${state} in ${roomId === ROOM_ID ? 'one' : 'two'}`);
      },
    },
    now: () => clock.now,
  });
  return { typing, heard, clock };
}

describe('typing', () => {
  const request = (
    isTyping: boolean,
    roomId = ROOM_ID,
  ): ReturnType<typeof create<typeof SendTypingRequestSchema>> =>
    create(SendTypingRequestSchema, { roomId, isTyping });

  test('is told once in two seconds per user and room', async () => {
    const { typing, heard, clock } = setUp();
    await typing.sendTyping(caller(1), request(true));
    clock.now = TYPING_INTERVAL_MS - 1;
    await typing.sendTyping(caller(1), request(true, ROOM_ID.toUpperCase()));
    await typing.sendTyping(caller(2), request(true));
    await typing.sendTyping(caller(1), request(true, OTHER_ROOM));
    expect(heard).toEqual(['1 types in one', '2 types in one', '1 types in two']);
    clock.now = TYPING_INTERVAL_MS;
    await typing.sendTyping(caller(1), request(true));
    expect(heard).toHaveLength(4);
  });

  test('"stopped" is always told', async () => {
    const { typing, heard } = setUp();
    for (const isTyping of [true, false, false, true]) await typing.sendTyping(caller(1), request(isTyping));
    expect(heard).toEqual(['1 types in one', '1 stopped in one', '1 stopped in one']);
  });

  test('what is remembered is bounded: the oldest is forgotten first', async () => {
    const { typing, heard } = setUp();
    for (let user = 1; user <= 10_001; user++) await typing.sendTyping(caller(user), request(true));
    heard.length = 0;
    await typing.sendTyping(caller(2), request(true));
    expect(heard).toEqual([]);
    await typing.sendTyping(caller(1), request(true));
    expect(heard).toEqual(['1 types in one']);
  });
});
