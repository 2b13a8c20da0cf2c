import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { expect } from 'vitest';
import type { AppParts } from '../../src/app.ts';
import { encryptMessage } from '../../src/crypto/message-cipher.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { type MessageEvent, MessageStatus, type Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { TokensService } from '../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import type { Sql } from '../../src/repository/postgres/db.ts';
import { startTestApp, tokenOf, transportOf } from '../support/app.ts';
import { type Notified, startNotificationsRecorder } from './notifications-recorder.ts';
import { createStored, type Stored } from './stored.ts';

/** How times are shown. */
export const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** The three services as one caller has them. */
export interface Clients {
  readonly chat: Client<typeof ChatService>;
  readonly tokens: Client<typeof TokensService>;
  readonly users: Client<typeof UsersService>;
}

/** A user with a client of his own. */
export interface Person extends Clients {
  readonly id: number;
  readonly name: string;
  readonly phone: string;
  readonly avatar: string;
  readonly token: string;
  /** A group that this person owns. */
  group(others: readonly Person[], name?: string): Promise<Room>;
  /** The p2p room with the other one, as this person sees it. */
  p2p(other: Person): Promise<Room>;
  /** Opens a stream with a new client id, after everything that was committed so far was published. */
  listen(roomId?: string): Promise<Listener>;
}

/** What a stream brings, without heartbeats; with a room, only its events. */
export interface Listener {
  /** The next events that were not taken yet; waits for them. */
  take(count: number): Promise<readonly MessageEvent[]>;
  /** All events so far, taken or not. */
  seen(): readonly MessageEvent[];
}

/** So many people, so that each has a place that is known to be there. */
type People<N extends number, P extends Person[] = []> = P['length'] extends N
  ? P
  : People<N, [...P, Person]>;

/** The whole service on a database of its own, with people in it. */
export interface World {
  readonly url: string;
  readonly parts: AppParts;
  readonly db: Sql;
  readonly admin: Client<typeof UsersService>;
  readonly adminToken: string;
  /** Without a token. */
  readonly anonymous: Clients;
  /** New users, in the order of their ids. */
  people<N extends number>(count: N, names?: readonly string[]): Promise<People<N>>;
  /** What the notifications service was told so far. */
  notified(): readonly Notified[];
  /** Resolves when all events are published and all notifications sent. */
  drained(): Promise<void>;
  /** What is stored, wherever that is. */
  readonly stored: Stored;
  encrypt(room: Room, text: string): string;
  close(): Promise<void>;
}

/** Opens a world: real Postgres, the in-process broker, a port of its own. */
export async function openWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  const recorder = await startNotificationsRecorder();
  const app = await startTestApp({ users: 0, env: { NOTIFICATIONS_URL: recorder.url, ...env } });
  const { url } = app;
  const parts = app.app.parts();
  const { db, keys } = parts;
  const closing = new AbortController();
  // No such user: an administrator need not exist.
  const adminToken = await tokenOf(2_000_000_000, { admin: true });
  const admin = clientsOf(url, adminToken).users;
  // Small numbers are what tests make up.
  let lastId = 1000;

  const drained = async (): Promise<void> => {
    const waiting = `SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM notification_outbox) AS n`;
    await expect
      .poll(async () => Number((await db.query<{ n: number }>(waiting)).rows[0]?.n), {
        timeout: 20_000,
      })
      .toBe(0);
  };

  const person = async (id: number, name: string): Promise<Person> => {
    const token = await tokenOf(id);
    const clients = clientsOf(url, token);
    return {
      id,
      name,
      phone: `+${id}`,
      avatar: `https://avatar/${id}`,
      token,
      ...clients,
      async group(others, groupName = 'Group') {
        const participants = others.map((other) => other.id);
        return roomOf(await clients.chat.createRoom({ type: 'group', name: groupName, participants }));
      },
      async p2p(other) {
        return roomOf(await clients.chat.createRoom({ type: 'p2p', participants: [other.id] }));
      },
      async listen(roomId) {
        await drained();
        return await listenTo(clientsOf(url, token).chat, roomId, closing.signal);
      },
    };
  };

  return {
    url,
    parts,
    db,
    admin,
    adminToken,
    anonymous: clientsOf(url, undefined),
    async people<N extends number>(count: N, names: readonly string[] = []) {
      const ids = Array.from({ length: count }, () => ++lastId);
      const people = await Promise.all(ids.map((id, i) => person(id, names[i] ?? `Person ${id}`)));
      await admin.upsertUsers({
        users: people.map(({ id, name, phone, avatar }) => ({ id, name, phone, avatar })),
      });
      // One was made for each of the ids.
      return people as People<N>;
    },
    notified: () => recorder.calls,
    drained,
    stored: createStored(parts),
    encrypt: (room, text) => encryptMessage(text, keys.open(room.encryptionData)),
    async close() {
      closing.abort();
      await app.stop();
      await recorder.close();
    },
  };
}

/** What a stored system message looks like. */
export function systemMessage(event: string, content: string, sender: Person): object {
  return { type: 'system_message', event, content, senderId: sender.id, status: MessageStatus.SENT };
}

/** One connection for all three. */
function clientsOf(url: string, token: string | undefined): Clients {
  const headers = { 'x-client-id': crypto.randomUUID() };
  const authorization = { authorization: `Bearer ${token}` };
  const transport = transportOf(
    url,
    'connect-2',
    token === undefined ? headers : { ...headers, ...authorization },
  );
  return {
    chat: createClient(ChatService, transport),
    tokens: createClient(TokensService, transport),
    users: createClient(UsersService, transport),
  };
}

function roomOf({ room }: { readonly room?: Room | undefined }): Room {
  if (room === undefined) throw new Error('the answer has no room');
  return room;
}

/** Resolves when the stream says that it is connected. */
async function listenTo(
  chat: Clients['chat'],
  roomId: string | undefined,
  signal: AbortSignal,
): Promise<Listener> {
  const events: MessageEvent[] = [];
  let isConnected = false;
  let taken = 0;
  let failure: unknown;
  const follow = async (): Promise<void> => {
    const stream = chat.streamMessages(roomId === undefined ? {} : { roomId }, { signal });
    for await (const event of stream) {
      if (event.event.case === 'connected') isConnected = true;
      // A stream of one room also brings joins of others.
      else if (roomId === undefined || event.roomId === roomId) events.push(event);
    }
  };
  follow().catch((error: unknown) => {
    if (ConnectError.from(error).code !== Code.Canceled) failure = error;
  });
  const check = (isThere: () => boolean): Promise<void> =>
    expect
      .poll(
        () => {
          if (failure !== undefined) throw failure;
          return isThere() ? true : events.map(({ event }) => event.case);
        },
        { timeout: 10_000 },
      )
      .toBe(true);
  await check(() => isConnected);
  return {
    async take(count) {
      await check(() => events.length >= taken + count);
      taken += count;
      return events.slice(taken - count, taken);
    },
    seen: () => events,
  };
}
