import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import { type Clients, openWorld, type Person, type World } from './world.ts';

/** Who calls: in the room of the row, except `blocked`: one side of a p2p room whose other side blocked him. */
const CALLERS = ['stranger', 'member', 'admin', 'owner', 'blocked', 'removed', 'nobody'] as const;
type CallerName = (typeof CALLERS)[number];

/** One letter per caller, in the order of {@link CALLERS}. */
const OUTCOMES: Readonly<Record<string, string>> = {
  '+': 'ok',
  n: 'not_found not_found',
  i: 'invalid_argument invalid_request_data',
  d: 'permission_denied permission_denied',
  u: 'unauthenticated invalid_token',
};

/** What a row acts on: a group of OWNER, ADMIN and two MEMBERs, or the p2p room of `blocked`; made afresh for every call. */
interface Scene {
  readonly roomId: string;
  /** Written by `author`: the OWNER of the group, the blocker in the p2p room. */
  readonly messageId: string;
  readonly senderMessageId: string;
  /** Written by the caller himself; the author's when he is not in the room. */
  readonly ownMessageId: string;
  readonly memberId: number;
  readonly outsiderId: number;
}

type Row = readonly [
  name: string,
  outcomes: string,
  call: (clients: Clients, scene: Scene) => Promise<unknown>,
];

/**
 * Every RPC, some with more than one row. The letters stand for stranger, member, admin, owner, blocked, removed, nobody.
 * A room flag that opens an action to members is off here.
 */
const TABLE: readonly Row[] = [
  ['SendMessage', 'n+++inu', ({ chat }, { roomId }) => chat.sendMessage({ roomId })],
  ['EditMessage', 'ndd+dnu', ({ chat }, { messageId }) => chat.editMessage({ messageId, newContent: 'x' })],
  [
    'EditMessage: own',
    'n++++nu',
    ({ chat }, s) => chat.editMessage({ messageId: s.ownMessageId, newContent: 'x' }),
  ],
  [
    'DeleteMessage',
    'nd++dnu',
    ({ chat }, s) => chat.deleteMessage({ roomId: s.roomId, messageIds: [s.messageId] }),
  ],
  [
    'DeleteMessage: own',
    'n++++nu',
    ({ chat }, s) => chat.deleteMessage({ roomId: s.roomId, messageIds: [s.ownMessageId] }),
  ],
  ['DeleteMessage: none', 'n++++nu', ({ chat }, { roomId }) => chat.deleteMessage({ roomId })],
  [
    'ReactToMessage',
    'n++++nu',
    ({ chat }, { messageId }) => chat.reactToMessage({ messageId, reaction: '👍' }),
  ],
  ['GetRooms', '++++++u', ({ chat }) => chat.getRooms({})],
  [
    'CreateRoom',
    '++++++u',
    ({ chat }, s) => chat.createRoom({ type: 'channel', participants: [s.outsiderId] }),
  ],
  ['GetRoom', 'n++++nu', ({ chat }, { roomId }) => chat.getRoom({ id: roomId })],
  ['GetMessageHistory', 'n++++nu', ({ chat }, { roomId }) => chat.getMessageHistory({ id: roomId })],
  ['GetRoomParticipants', 'n++++nu', ({ chat }, { roomId }) => chat.getRoomParticipants({ id: roomId })],
  ['PinRoom', 'n++++nu', ({ chat }, { roomId }) => chat.pinRoom({ id: roomId })],
  ['MuteRoom', 'n++++nu', ({ chat }, { roomId }) => chat.muteRoom({ id: roomId })],
  ['LeaveRoom', 'n++++nu', ({ chat }, { roomId }) => chat.leaveRoom({ id: roomId })],
  [
    'LeaveRoom: a member',
    'ni+++nu',
    ({ chat }, s) => chat.leaveRoom({ id: s.roomId, participants: [s.memberId] }),
  ],
  ['LeaveRoom: all', 'ni+++nu', ({ chat }, { roomId }) => chat.leaveRoom({ id: roomId, leaveAll: true })],
  [
    'AddParticipantToRoom',
    'nn++nnu',
    ({ chat }, s) => chat.addParticipantToRoom({ id: s.roomId, participants: [s.outsiderId] }),
  ],
  ['UpdateRoom', 'nn++nnu', ({ chat }, { roomId }) => chat.updateRoom({ id: roomId, name: 'New' })],
  [
    'UpdateParticipantRoom',
    'nnn+nnu',
    ({ chat }, s) => chat.updateParticipantRoom({ id: s.roomId, participant: s.memberId, role: 'ADMIN' }),
  ],
  ['BlockUser', 'nnnn+nu', ({ chat }, { roomId }) => chat.blockUser({ id: roomId })],
  [
    'GetSenderMessage',
    'nnn+nnu',
    ({ chat }, { senderMessageId }) => chat.getSenderMessage({ senderMessageId }),
  ],
  ['GetMessage', 'n++++nu', ({ chat }, { messageId }) => chat.getMessage({ id: messageId })],
  ['GetMessageRead', 'nnn+nnu', ({ chat }, { messageId }) => chat.getMessageRead({ id: messageId })],
  [
    'GetMessageReactions',
    'nnn+nnu',
    ({ chat }, { messageId }) => chat.getMessageReactions({ id: messageId }),
  ],
  [
    'MarkMessagesAsRead',
    'n++++nu',
    ({ chat }, s) => chat.markMessagesAsRead({ roomId: s.roomId, messageIds: [s.messageId] }),
  ],
  ['MarkMessagesAsRead: none', 'n++++nu', ({ chat }, { roomId }) => chat.markMessagesAsRead({ roomId })],
  ['InitialSync', '++++++u', ({ chat }) => chat.initialSync({})],
  ['StreamMessages', '++++++u', ({ chat }, { roomId }) => firstEvent(chat, roomId)],
  ['SendTyping', 'n+++inu', ({ chat }, { roomId }) => chat.sendTyping({ roomId, isTyping: true })],
  ['SaveToken', '++++++u', ({ tokens }) => tokens.saveToken({ token: 't', platform: 'WEB' })],
  ['UpsertUsers', 'ddddddu', ({ users }) => users.upsertUsers({})],
  ['GetUsers', 'ddddddu', ({ users }) => users.getUsers({})],
  ['RemoveUsers', 'ddddddu', ({ users }) => users.removeUsers({})],
];

async function firstEvent(chat: Clients['chat'], roomId: string): Promise<unknown> {
  for await (const event of chat.streamMessages({ roomId })) return event;
  throw new Error('the stream ended');
}

describe.skipIf(inject('postgresUrl') === '')('who may do what', () => {
  let world: World;
  let people: Readonly<Record<Exclude<CallerName, 'nobody'>, Person>>;
  let second: Person;
  let outsider: Person;
  let blocker: Person;

  beforeAll(async () => {
    world = await openWorld();
    const [stranger, member, admin, owner, blocked, removed] = await world.people(6);
    people = { stranger, member, admin, owner, blocked, removed };
    [second, outsider, blocker] = await world.people(3);
  });
  afterAll(() => world?.close());

  test('every RPC is in the table', () => {
    const methods = [ChatService, TokensService, UsersService].flatMap((service) => service.methods);
    const named = new Set(TABLE.map(([name]) => name.split(':')[0]));
    expect(methods.map((method) => method.name).filter((name) => !named.has(name))).toEqual([]);
  });

  const cells = TABLE.flatMap(([name, outcomes, call]) =>
    CALLERS.map((caller, i) => ({ name, caller, expected: OUTCOMES[outcomes[i] ?? ''], call })),
  );

  test.each(cells)('$name by $caller: $expected', async ({ caller, expected, call }) => {
    const scene = caller === 'blocked' ? await p2pScene() : await groupScene(caller);
    const clients = caller === 'nobody' ? world.anonymous : people[caller];
    expect(await outcomeOf(call(clients, scene))).toBe(expected);
  });

  async function groupScene(caller: CallerName): Promise<Scene> {
    const { owner, admin, member, removed } = people;
    const room = await owner.group([admin, member, second, removed]);
    await owner.chat.updateParticipantRoom({ id: room.id, participant: admin.id, role: 'ADMIN' });
    await owner.chat.leaveRoom({ id: room.id, participants: [removed.id] });
    const inside = caller === 'member' || caller === 'admin' ? people[caller] : owner;
    return await scene(room.id, owner, inside, second.id);
  }

  async function p2pScene(): Promise<Scene> {
    const room = await blocker.p2p(people.blocked);
    if (room.isPartnerBlocked) await blocker.chat.blockUser({ id: room.id });
    if (room.partner?.isPartnerBlocked) await people.blocked.chat.blockUser({ id: room.id });
    const ready = await scene(room.id, blocker, people.blocked, blocker.id);
    await blocker.chat.blockUser({ id: room.id });
    return ready;
  }

  async function scene(roomId: string, author: Person, caller: Person, memberId: number): Promise<Scene> {
    const senderMessageId = crypto.randomUUID();
    const { message } = await author.chat.sendMessage({ roomId, senderMessageId });
    const { message: own } = await caller.chat.sendMessage({ roomId });
    return {
      roomId,
      messageId: message?.id ?? '',
      senderMessageId,
      ownMessageId: own?.id ?? '',
      memberId,
      outsiderId: outsider.id,
    };
  }
});

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return `${(Code[code] ?? '').replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase()} ${rawMessage}`;
  }
}
