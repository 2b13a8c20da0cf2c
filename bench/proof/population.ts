import { randomInt } from 'node:crypto';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import type { SignToken } from '../../src/cli/development-tokens.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import type { Identity } from '../clients.ts';
import { ROOMS_OF_A_USER } from './options.ts';

/** Who is a member where: indexes of users, for each room. */
export type Membership = readonly (readonly number[])[];

/** The virtual users and their rooms, as they exist in the service. */
export interface Population {
  readonly users: readonly Identity[];
  readonly rooms: readonly PopulatedRoom[];
}

/** A room of the proof. */
export interface PopulatedRoom {
  readonly id: string;
  /** Indexes of users. */
  readonly members: readonly number[];
  /** The last sequence before the proof. */
  readonly baseline: number;
}

/** Far from ids that anybody else uses; so are those of an earlier run. */
const FIRST_USER_ID = { min: 1_000_000_000, max: 2_000_000_000 };
const TOKEN_SECONDS = 24 * 3_600;
const USERS_IN_A_CALL = 100;
/** Rooms that are made, or asked for, at the same time. */
const ROOMS_AT_ONCE = 8;

/** Deals users out over the rooms in turn: rooms differ by one member at most, and every user is in several. */
export function planMembership(users: number, rooms: number): Membership {
  const each = Math.min(rooms, ROOMS_OF_A_USER);
  const members: number[][] = Array.from({ length: rooms }, () => []);
  for (let place = 0; place < users * each; place += 1) {
    members[place % rooms]?.push(Math.floor(place / each));
  }
  return members;
}

/** Makes new users and rooms in the service. Rejects with its error. */
export async function populate(
  origin: string,
  sign: SignToken,
  { users, membership }: { readonly users: number; readonly membership: Membership },
): Promise<Population> {
  const first = randomInt(FIRST_USER_ID.min, FIRST_USER_ID.max - users);
  const ids = Array.from({ length: users }, (_, index) => first + index);
  const identities = await Promise.all(
    ids.map(async (userId) => ({
      token: await sign({ userId, isAdmin: false, ttlSeconds: TOKEN_SECONDS }),
      clientId: 'load',
    })),
  );
  const admin = createClient(
    UsersService,
    transportTo(origin, await sign({ userId: first, isAdmin: true, ttlSeconds: TOKEN_SECONDS })),
  );
  for (let from = 0; from < users; from += USERS_IN_A_CALL) {
    const batch = ids.slice(from, from + USERS_IN_A_CALL);
    await admin.upsertUsers({ users: batch.map((id) => ({ id, name: `Load ${id - first + 1}` })) });
  }
  const rooms = await eachRoom(membership, async (members, index) => {
    const owner = identities[members[0] ?? 0];
    const { room } = await chatOf(origin, owner).createRoom({
      type: 'group',
      name: `Load ${index + 1}`,
      participants: members.map((member) => ids[member] ?? 0),
    });
    if (room === undefined) throw new Error('the service made no room');
    return { id: room.id, members, baseline: room.lastSequence };
  });
  return { users: identities, rooms };
}

/** The last sequence of every room, as the service has it on record. */
export async function readLastSequences(origin: string, { users, rooms }: Population): Promise<number[]> {
  return await eachRoom(rooms, async ({ id, members }) => {
    const { room } = await chatOf(origin, users[members[0] ?? 0]).getRoom({ id });
    if (room === undefined) throw new Error('a room of the proof is gone');
    return room.lastSequence;
  });
}

async function eachRoom<T, R>(all: readonly T[], work: (one: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < all.length; from += ROOMS_AT_ONCE) {
    const batch = all.slice(from, from + ROOMS_AT_ONCE);
    results.push(...(await Promise.all(batch.map((one, index) => work(one, from + index)))));
  }
  return results;
}

function chatOf(origin: string, identity: Identity | undefined): Client<typeof ChatService> {
  return createClient(ChatService, transportTo(origin, identity?.token ?? ''));
}

function transportTo(origin: string, token: string) {
  return createConnectTransport({
    baseUrl: origin,
    httpVersion: '1.1',
    interceptors: [
      (next) => async (request) => {
        request.header.set('authorization', `Bearer ${token}`);
        return await next(request);
      },
    ],
  });
}
