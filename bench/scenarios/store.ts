import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import { v1 } from 'uuid';
import type { Caller } from '../../src/auth/caller.ts';
import { createMessages } from '../../src/chat/messages.ts';
import { SendMessageRequestSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { CommitSignal } from '../../src/repository/postgres/commit-signal.ts';
import { createPgDb } from '../../src/repository/postgres/pg-db.ts';
import { createPostgresRoomsRepository } from '../../src/repository/postgres/postgres-rooms-repository.ts';
import { CONTENT, type Environment, pairRooms, ROOM_KEYS, type SeedRoom } from '../environment.ts';
import { openBareStore } from '../floors/grouped-insert.ts';
import { closedLoop } from '../load.ts';
import { type Figure, median } from '../report.ts';
import type { Scenario } from './scenario.ts';

/**
 * Storing messages through the rules of the chat (no network, no events), against the bare grouped insert.
 * Callers run in this process: the database has the other core.
 */
export const store: Scenario = {
  name: 'store',
  async run(environment) {
    const figures: Figure[] = [];
    for (const { label, rooms } of PLACES) {
      const here = await openChat(environment, rooms);
      const bare = await openBare(environment, rooms);
      try {
        for (const callers of [1, 16, 64]) {
          const values: number[] = [];
          const floors: number[] = [];
          for (let round = 0; round < environment.rounds; round += 1) {
            floors.push(await measure(environment, callers, bare.save));
            values.push(await measure(environment, callers, here.save));
          }
          figures.push({
            name: `stored messages, ${callers} caller${callers === 1 ? '' : 's'}, ${label}`,
            unit: '/s',
            value: median(values),
            floor: median(floors),
            ...(callers === 64 ? { target: { kind: 'ratio', atLeast: 0.5 } } : {}),
          });
        }
      } finally {
        await here.close();
        await bare.close();
      }
    }
    return figures;
  },
};

const PLACES = [
  { label: '200 rooms', rooms: 200 },
  { label: 'one room', rooms: 1 },
];

/** Something that stores a message in the next of its rooms. */
type Store = { readonly save: () => Promise<void>; readonly close: () => Promise<void> };

async function openChat(environment: Environment, count: number): Promise<Store> {
  const rooms = pairRooms(count);
  const url = await environment.database({ users: 2 * count, rooms });
  const db = createPgDb({ url, maxConnections: 10, logger: pino({ level: 'silent' }) });
  const repository = createPostgresRoomsRepository({
    db,
    events: new CommitSignal(),
    notifications: undefined,
  });
  const messages = createMessages({
    rooms: repository,
    keys: ROOM_KEYS,
    limits: {
      maxContentChars: 8192,
      maxParticipantsPerCall: 1000,
      maxGroupMembers: 100_000,
      storePlaintext: false,
    },
  });
  const next = inTurn(rooms);
  return {
    async save() {
      const room = next();
      const request = { roomId: room.id, content: CONTENT, senderMessageId: randomUUID() };
      await messages.sendMessage(callerOf(room.members[0] ?? 0), create(SendMessageRequestSchema, request));
    },
    close: () => db.close(),
  };
}

async function openBare(environment: Environment, count: number): Promise<Store> {
  const rooms = pairRooms(count);
  const bare = await openBareStore(await environment.database({ users: 2 * count, rooms }));
  const next = inTurn(rooms);
  return {
    async save() {
      const room = next();
      await bare.save({
        id: v1(),
        roomId: room.id,
        senderId: room.members[0] ?? 0,
        content: CONTENT,
        senderMessageId: randomUUID(),
        eventId: randomUUID(),
      });
    },
    close: () => bare.close(),
  };
}

async function measure(environment: Environment, callers: number, save: Store['save']): Promise<number> {
  const result = await closedLoop({ callers, seconds: environment.seconds }, save);
  if (result.failures > 0) throw new Error(`${result.failures} messages could not be stored`);
  return result.perSecond;
}

function inTurn(rooms: readonly SeedRoom[]): () => SeedRoom {
  let turn = 0;
  return () => {
    const room = rooms[turn++ % rooms.length];
    if (room === undefined) throw new Error('there is no room');
    return room;
  };
}

function callerOf(userId: number): Caller {
  const client = {
    clientId: 'bench',
    lang: 'en',
    timezone: '',
    platform: 'unknown',
    clientVersion: '1.0.0',
  } as const;
  return { userId, isAdmin: false, expiresAt: Number.MAX_SAFE_INTEGER, client };
}
