import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeWrapper, encodeEvent, encodeWrapper, MAX_WRAPPER_BYTES } from '../../src/events/codec.ts';
import { MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';

const ROOM = '3b0a6c9e-1111-4222-8333-444455556666';

test('an event is published as a JSON object with the acting user and the binary event in base64', () => {
  const event = create(MessageEventSchema, {
    roomId: 'r',
    event: { case: 'deleteMessage', value: 'm1' },
    eventId: 'e',
  });
  const message = encodeEvent(
    { eventId: 'e', subject: 'CHAT_EVENTS.r', roomEvent: 7, userId: 42, event },
    1234,
  );
  // 12 01 'r' · 5a 02 'm1' · a2 06 01 'e'
  expect(Buffer.from(message.data).toString()).toBe('{"user_id":42,"payload":"EgFyWgJtMaIGAWU="}');
  expect(message).toEqual(
    expect.objectContaining({ id: 'e', subject: 'CHAT_EVENTS.r', roomEvent: 7, committedAt: 1234 }),
  );
});

test('what another producer wrapped is read, whatever the order and number of its keys', () => {
  const decoded = decodeWrapper(Buffer.from('{ "payload": "EgFyWgJtMaIGAWU=", "extra": [], "user_id": 42 }'));
  expect(decoded?.userId).toBe(42);
  expect(decoded?.event.roomId).toBe('r');
  expect(decoded?.event.event).toEqual({ case: 'deleteMessage', value: 'm1' });
});

test('a typing event travels in the same wrapper', () => {
  const event = create(MessageEventSchema, {
    roomId: ROOM,
    event: { case: 'typing', value: { userId: 3, isTyping: true, updatedAt: '2024-05-01T10:00:00Z' } },
  });
  expect(decodeWrapper(encodeWrapper({ userId: 3, event }))).toEqual({ userId: 3, event });
});

test.each([
  ['nothing', ''],
  ['no JSON', '{"user_id":1,'],
  ['no object', '7'],
  ['null', 'null'],
  ['no user', '{"payload":""}'],
  ['a user as text', '{"user_id":"1","payload":""}'],
  ['a user with a fraction', '{"user_id":1.5,"payload":""}'],
  ['no payload', '{"user_id":1}'],
  ['a payload that is not base64', '{"user_id":1,"payload":"%%%%"}'],
  ['a payload that was cut', '{"user_id":1,"payload":"EgFyWgJtMaIGAW"}'],
  ['a payload that is no event', '{"user_id":1,"payload":"/////w=="}'],
])('%s is not decoded', (_what, text) => {
  expect(decodeWrapper(Buffer.from(text))).toBeUndefined();
});

test('nothing makes the decoder throw', () => {
  fc.assert(fc.property(fc.uint8Array(), (data) => decodeWrapper(data) === undefined || data.length > 0));
  fc.assert(
    fc.property(fc.uint8Array(), (data) => {
      const payload = Buffer.from(data).toString('base64');
      decodeWrapper(Buffer.from(JSON.stringify({ user_id: 1, payload })));
    }),
  );
});

test('an event that no broker takes is refused', () => {
  const event = create(MessageEventSchema, {
    event: { case: 'deleteMessage', value: 'x'.repeat(MAX_WRAPPER_BYTES) },
  });
  expect(() => encodeWrapper({ userId: 1, event })).toThrow(RangeError);
});
