import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Caller } from '../../src/auth/caller.ts';
import { safeClientId } from '../../src/auth/client-params.ts';
import { StreamMessagesRequestSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { streamRequest } from '../../src/rpc/stream.ts';
import { expectRefusal, ROOM_ID } from '../chat/states.ts';

function caller(clientId: string | undefined): Caller {
  const client = { clientId, lang: 'en', timezone: '', platform: 'ios', clientVersion: '1.0.0' } as const;
  return { userId: 7, isAdmin: false, expiresAt: 1234, client };
}

const request = (init: { roomId?: string; cursor?: string } = {}): Parameters<typeof streamRequest>[1] =>
  create(StreamMessagesRequestSchema, init);

describe('what a stream is opened with', () => {
  test('who, as which client, from where, until when', () => {
    expect(
      streamRequest(caller('phone-1'), request({ roomId: ROOM_ID.toUpperCase(), cursor: 'abc' })),
    ).toEqual({
      userId: 7,
      clientId: 'phone-1',
      roomId: ROOM_ID,
      cursor: 'abc',
      expiresAt: 1234,
      platform: 'ios',
    });
  });

  test('an empty room or cursor is none', () => {
    const open = streamRequest(caller('phone-1'), request({ roomId: '', cursor: '' }));
    expect(Object.keys(open)).not.toContain('roomId');
    expect(Object.keys(open)).not.toContain('cursor');
  });

  test.each([undefined, ''])('without an explicit client id (%j) there is none', (clientId) => {
    expectRefusal(() => streamRequest(caller(clientId), request()), 'client_id_needed');
  });

  test.each(['x', '*', `${ROOM_ID}.>`])('%j is no room', (roomId) => {
    expectRefusal(() => streamRequest(caller('phone-1'), request({ roomId })), 'invalid_request_data');
  });
});

describe('client ids', () => {
  test.each(['a', 'A-b_9', 'x'.repeat(64)])('%s stays', (id) => {
    expect(safeClientId(id)).toBe(id);
  });

  test('every other one becomes a safe name of its own', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
        expect(safeClientId(one)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        if (one !== other) expect(safeClientId(one)).not.toBe(safeClientId(other));
      }),
    );
    for (const id of ['a.b', 'a*', '>', 'a b', 'a/b', 'x'.repeat(65), '…']) {
      expect(safeClientId(id)).not.toBe(id);
      expect(safeClientId(id)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    }
  });
});
