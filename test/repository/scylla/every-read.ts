import { randomUUID } from 'node:crypto';
import type { HistoryQuery, RoomListQuery } from '../../../src/repository/rooms-repository.ts';
import type { RandomChat } from './random-chat.ts';
import type { Reads } from './two-stores.ts';

/** One question to a store. */
export interface Question {
  readonly name: string;
  ask(store: Reads): Promise<unknown>;
}

const UNPAGED = { page: 0, limit: 0 };
const PAGES = [UNPAGED, { page: 1, limit: 2 }, { page: 2, limit: 3 }, { page: 900, limit: 50 }];

/** Everything that can be asked about a chat, or nearly. */
export function* everyRead(
  chat: Pick<RandomChat, 'users' | 'rooms' | 'messages' | 'times'>,
): Generator<Question> {
  const users = [...chat.users, 1];
  const rooms = [...chat.rooms, randomUUID()];
  const messages = [...chat.messages.map(({ id }) => id), randomUUID()];
  const times = [
    undefined,
    ...[0.1, 0.5, 0.8, 0.95].map((part) => chat.times[Math.floor(part * chat.times.length)]),
  ];
  for (const user of users) {
    yield* aboutUser(user, times);
    for (const room of rooms) {
      yield question('getRoom', [user, room, 'full'], (s) => s.getRoom(user, room, 'full'));
      yield question('getRoom', [user, room, 'light'], (s) => s.getRoom(user, room, 'light'));
    }
    for (const id of messages) yield question('getMessage', [user, id], (s) => s.getMessage(user, id));
  }
  for (const room of rooms) yield* aboutRoom(room, users, messages, times);
  for (const id of messages) {
    for (const paging of PAGES) {
      yield question('getMessageRead', [id, paging], (s) => s.getMessageRead(id, paging));
      yield question('getMessageReactions', [id, paging], (s) => s.getMessageReactions(id, paging));
    }
  }
  for (const { sender, key } of chat.messages) {
    yield question('getSenderMessageStatus', [sender, key], (s) => s.getSenderMessageStatus(sender, key));
  }
}

function* aboutUser(user: number, times: readonly (string | undefined)[]): Generator<Question> {
  yield question(
    'getMemberships',
    [user],
    async (s) => new Set((await s.getMemberships(user)).map((m) => JSON.stringify(m))),
  );
  for (const time of times) {
    yield question('getDeletedRoomIds', [user, time], (s) => s.getDeletedRoomIds(user, time));
    const since = time === undefined ? {} : { since: time };
    for (const filter of [
      {},
      { search: 'an' },
      { search: 'E' },
      { search: '_%' },
      { type: 'p2p' },
      { type: 'group', search: ' ' },
    ]) {
      for (const paging of PAGES.slice(0, 3)) {
        const query: RoomListQuery = { search: '', type: '', ...filter, ...paging, ...since };
        yield question('getRoomList', [user, query], (s) => s.getRoomList(user, query));
      }
    }
    for (const perRoom of [0, 2]) {
      for (const created of times) {
        const query = {
          perRoom,
          ...(time === undefined ? {} : { after: time }),
          ...(created === undefined ? {} : { createdAfter: created }),
        };
        yield question('getMessagesForSync', [user, query], (s) => s.getMessagesForSync(user, query));
      }
    }
  }
}

function* aboutRoom(
  room: string,
  users: readonly number[],
  messages: readonly string[],
  times: readonly (string | undefined)[],
): Generator<Question> {
  for (const search of ['', 'an', 'é', '%']) {
    for (const paging of PAGES) {
      const query = { search, ...paging };
      yield question('getRoomParticipants', [room, query], (s) => s.getRoomParticipants(room, query));
    }
  }
  yield question('getActiveMembers', [room], (s) => s.getActiveMembers(room, users));
  for (const [index, user] of users.entries()) {
    for (const [step, paging] of PAGES.entries()) {
      for (const time of times) {
        const query: HistoryQuery = {
          messagesPerRoom: (index + step) % 3 === 0 ? 2 : 0,
          ...paging,
          ...bound('beforeMessageId', messages[(7 * index + 11 * step) % (2 * messages.length)]),
          ...bound('afterMessageId', messages[(5 * index + 3 * step) % (3 * messages.length)]),
          ...bound(index % 2 === 0 ? 'beforeDate' : 'afterDate', time),
          ...bound(index % 2 === 0 ? 'afterDate' : 'beforeDate', index % 4 === 3 ? times[2] : undefined),
        };
        yield question('getMessageHistory', [user, room, query], (s) =>
          s.getMessageHistory(user, room, query),
        );
      }
    }
  }
}

function bound(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

function question(name: string, params: readonly unknown[], ask: Question['ask']): Question {
  return { name: `${name} ${JSON.stringify(params)}`, ask };
}
