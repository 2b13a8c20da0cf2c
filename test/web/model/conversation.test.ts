import { create } from '@bufbuild/protobuf';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { signal } from '@preact/signals';
import { beforeEach, expect, test } from 'vitest';
import { ChatService } from '../../../src/gen/services/chat/v1/service_pb.ts';
import { MessageStatus, MessageStatusUpdateSchema } from '../../../src/gen/services/chat/v1/types_pb.ts';
import { Conversation } from '../../../src/web/model/conversation.ts';
import { People } from '../../../src/web/model/people.ts';
import { RoomKeys } from '../../../src/web/model/room-keys.ts';
import { RoomList } from '../../../src/web/model/room-list.ts';
import { eventOf, messageOf, roomOf } from './rooms.ts';

const ME = { id: 1, name: 'Ana', avatar: '' };

let conversation: Conversation;
/** The service answers with the history when this is called. */
let answer: () => void;

beforeEach(async () => {
  const asked = Promise.withResolvers<void>();
  answer = asked.resolve;
  const transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      getRooms: () => ({ items: [roomOf({ id: 'room' })], meta: { totalPages: 1 } }),
      getRoomParticipants: () => ({ participants: [], meta: { totalPages: 1 } }),
      async getMessageHistory() {
        await asked.promise;
        return { items: [messageOf({ id: 'mine', sequence: 1, senderId: ME.id })] };
      },
    });
  });
  const rpc = createClient(ChatService, transport);
  const keys = new RoomKeys({ chatKey: '', chatIv: '' });
  const people = new People(ME, []);
  const rooms = new RoomList({ rpc, me: ME.id, keys, people, isSeen: () => true });
  await rooms.load();
  conversation = new Conversation('room', { rpc, me: ME, keys, people, rooms, drafts: signal([]) });
});

function messages() {
  return conversation.view.value?.messages ?? [];
}

test('what happens to a message while the history with it is on its way is not lost', async () => {
  const loading = conversation.load();
  const read = create(MessageStatusUpdateSchema, {
    messageId: 'mine',
    userId: 2,
    status: MessageStatus.READ,
  });
  const edited = messageOf({
    ...{ id: 'mine', sequence: 1, senderId: ME.id, edited: true },
    updatedAt: '2026-01-03T00:00:00.000Z',
  });
  const applying = [
    conversation.apply(eventOf({ event: { case: 'statusUpdate', value: read } })),
    conversation.apply(eventOf({ event: { case: 'updateMessage', value: edited } })),
  ];
  answer();
  await Promise.all([loading, ...applying]);
  expect(messages().map(({ id, tick, isEdited }) => [id, tick, isEdited])).toEqual([['mine', 'read', true]]);
});
