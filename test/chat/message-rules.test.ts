import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  checkClientEvent,
  checkForward,
  checkMaySend,
  checkReply,
  deleteMessages,
  editMessage,
} from '../../src/chat/message-rules.ts';
import { MessageDataSchema, type Room, RoomSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { expectRefusal, ROOM_ID } from './states.ts';

const room = (init: MessageInitShape<typeof RoomSchema>): Room =>
  create(RoomSchema, { id: ROOM_ID, ...init });
const message = (
  init: MessageInitShape<typeof MessageDataSchema> = {},
): ReturnType<typeof create<typeof MessageDataSchema>> =>
  create(MessageDataSchema, { id: 'm', roomId: ROOM_ID, senderId: 1, type: 'user_message', ...init });

describe('who may send', () => {
  test.each([
    ['OWNER', false],
    ['ADMIN', false],
    ['MEMBER', true],
  ])('%s of a group with sendMessage %s', (role, sendMessage) => {
    expect(() => checkMaySend(room({ type: 'group', role, sendMessage }))).not.toThrow();
    expect(() => checkMaySend(room({ type: 'channel', role, sendMessage }))).not.toThrow();
  });

  test.each(['MEMBER', '', 'GUEST'])('%j of a silenced room may not', (role) => {
    for (const type of ['group', 'channel']) {
      expectRefusal(() => checkMaySend(room({ type, role, sendMessage: false })), 'invalid_request_data');
    }
  });

  test('a block stops both sides of a p2p room', () => {
    const partner = { id: 2 };
    expect(() => checkMaySend(room({ type: 'p2p', role: 'MEMBER', partner }))).not.toThrow();
    const mine = room({ type: 'p2p', partner, isPartnerBlocked: true });
    const theirs = room({ type: 'p2p', partner: { ...partner, isPartnerBlocked: true } });
    expectRefusal(() => checkMaySend(mine), 'invalid_request_data');
    expectRefusal(() => checkMaySend(theirs), 'invalid_request_data');
  });

  test('a p2p room without partner is not there', () => {
    expectRefusal(() => checkMaySend(room({ type: 'p2p', role: 'OWNER' })), 'not_found');
  });
});

describe('what a message may carry', () => {
  test.each(['remove_member', 'new_member', 'new_name', 'new_photo'])('not the event %s', (event) => {
    expectRefusal(() => checkClientEvent(event), 'invalid_request_data');
  });

  test.each([undefined, '', 'poll', 'NEW_NAME'])('the event %j', (event) => {
    expect(() => checkClientEvent(event)).not.toThrow();
  });

  test('a reply is to an undeleted message of the same room', () => {
    expect(() => checkReply(message(), ROOM_ID)).not.toThrow();
    expectRefusal(() => checkReply(undefined, ROOM_ID), 'invalid_request_data');
    expectRefusal(() => checkReply(message({ isDeleted: true }), ROOM_ID), 'invalid_request_data');
    expectRefusal(() => checkReply(message({ roomId: 'other' }), ROOM_ID), 'invalid_request_data');
  });

  test('a forward is of an undeleted visible message', () => {
    expect(checkForward(message({ roomId: 'other', senderId: 9 }))).toEqual({ messageId: 'm', senderId: 9 });
    expectRefusal(() => checkForward(undefined), 'invalid_request_data');
    expectRefusal(() => checkForward(message({ isDeleted: true })), 'invalid_request_data');
  });
});

describe('EditMessage', () => {
  const edit = editMessage(1, { content: 'new' });

  test('authors edit', () => {
    expect(edit(message())).toEqual({ content: 'new' });
  });

  test('others may not', () => {
    expectRefusal(() => edit(message({ senderId: 2 })), 'permission_denied');
  });

  test('what is gone, deleted or written by the service is not there', () => {
    expectRefusal(() => edit(undefined), 'not_found');
    expectRefusal(() => edit(message({ isDeleted: true })), 'not_found');
    expectRefusal(() => edit(message({ type: 'system_message' })), 'not_found');
  });
});

describe('DeleteMessage', () => {
  const found = new Map([
    ['mine', { senderId: 1 }],
    ['theirs', { senderId: 2 }],
  ]);
  const remove = (role: string, type: string, ids: readonly string[]): void =>
    deleteMessages(1, ids)(room({ type, role }), found);

  test.each(['group', 'channel'])('who runs a %s deletes anything in it', (type) => {
    for (const role of ['OWNER', 'ADMIN']) expect(() => remove(role, type, ['mine', 'theirs'])).not.toThrow();
    expectRefusal(() => remove('MEMBER', type, ['mine', 'theirs']), 'permission_denied');
    expect(() => remove('MEMBER', type, ['mine'])).not.toThrow();
  });

  test('in a p2p room only authors delete', () => {
    expectRefusal(() => remove('OWNER', 'p2p', ['theirs']), 'permission_denied');
    expect(() => remove('MEMBER', 'p2p', ['mine'])).not.toThrow();
  });

  test('a missing message comes before a foreign one', () => {
    expectRefusal(() => remove('MEMBER', 'group', ['theirs', 'missing']), 'not_found');
    expectRefusal(() => remove('OWNER', 'group', ['missing']), 'not_found');
  });
});
