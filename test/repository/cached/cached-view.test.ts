import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { MessageDataSchema, RoomSchema } from '../../../src/gen/services/chat/v1/types_pb.ts';
import { addProfiles, decodeView, encodeView, usersIn } from '../../../src/repository/cached-view.ts';

const ROOM = create(RoomSchema, {
  id: 'a room',
  name: 'Bea',
  photoUrl: 'b.png',
  unreadCount: 3,
  partner: { id: 2, name: 'Bea', phone: '+2', avatar: 'b.png', isPartnerMuted: true },
  lastMessage: create(MessageDataSchema, { senderId: 1, senderName: 'Ana', senderPhone: '+1', content: 'x' }),
});
const PROFILES = new Map([
  [1, { id: 1, name: 'Ana', phone: '+1', avatar: '' }],
  [2, { id: 2, name: 'Bea', phone: '+2', avatar: 'b.png' }],
]);

test('a view comes back as it was, once it has its profiles', () => {
  const view = decodeView(encodeView(ROOM, 'stamp 1'), 'a room', 'stamp 1');
  if (typeof view !== 'object') throw new Error(view);
  expect(view.room.name).toBe('');
  expect(usersIn(view.room)).toEqual([2, 1]);
  expect(addProfiles(view.room, (id) => PROFILES.get(id))).toBe(true);
  expect(view.room).toEqual(ROOM);
});

test('a profile that nobody knows is told', () => {
  expect(addProfiles(ROOM, (id) => (id === 1 ? undefined : PROFILES.get(id)))).toBe(false);
  expect(addProfiles(ROOM, (id) => (id === 2 ? undefined : PROFILES.get(id)))).toBe(false);
});

test('a view counts for its room and its stamp only', () => {
  const bytes = encodeView(ROOM, 'stamp 1');
  expect(decodeView(bytes, 'a room', 'stamp 10')).toBe('stale');
  expect(decodeView(bytes, 'a room', 'stamp')).toBe('stale');
  expect(decodeView(bytes, 'another room', 'stamp 1')).toBe('unusable');
});

test('no byte of it can change unnoticed', () => {
  const bytes = encodeView(ROOM, 'stamp 1');
  for (const index of bytes.keys()) {
    const spoilt = bytes.map((byte, at) => (at === index ? byte ^ 1 : byte));
    expect(decodeView(spoilt, 'a room', 'stamp 1')).toBe('unusable');
    expect(decodeView(bytes.subarray(0, index), 'a room', 'stamp 1')).toBe('unusable');
  }
});
