import { randomUUID } from 'node:crypto';
import { v1 } from 'uuid';
import { CommitSignal } from '../../src/repository/postgres/commit-signal.ts';
import { createApplier } from '../../src/repository/scylla/applier.ts';
import { createScyllaSaveMessage } from '../../src/repository/scylla/save-messages.ts';
import type { ScyllaSession } from '../../src/repository/scylla/session.ts';
import { type ChatStore, callerOf, inTurn } from '../chat-store.ts';
import { CONTENT, pairRooms, type SeedRoom } from '../environment.ts';
import { claimKey, takeNumber } from '../floors/lightweight.ts';
import type { Figure } from '../report.ts';
import { type Contender, race } from '../rounds.ts';
import type { ScyllaBench } from './setup.ts';

/**
 * What deciding costs: Postgres locks, numbers, notes and forgets, with a Scylla that answers at once; beside it the lightweight
 * transactions that would have to decide in its place, one for a sender's client-side id and one for the number.
 */
export async function measureDecision({ scylla, cql, rounds }: ScyllaBench): Promise<Figure[]> {
  const rooms = pairRooms(200);
  await scylla.db.query(`INSERT INTO room (id, type) SELECT id, 'group' FROM unnest($1::uuid[]) AS r (id)`, [
    rooms.map(({ id }) => id),
  ]);
  const many = await race(
    { claim: { call: claimKey(cql) }, decide: deciding(scylla, rooms) },
    { ...rounds, callers: 64 },
  );
  const hot = await race(
    { take: { call: await takeNumber(cql) }, decide: deciding(scylla, rooms.slice(0, 1)) },
    { ...rounds, callers: 16 },
  );
  return [
    { name: 'decision in Postgres, 64 callers, 200 rooms', unit: '/s', value: many.decide },
    { name: 'INSERT … IF NOT EXISTS, 64 callers', unit: '/s', value: many.claim },
    { name: 'decision in Postgres, 16 callers, one room', unit: '/s', value: hot.decide },
    { name: 'compare and set of one row, 16 callers', unit: '/s', value: hot.take },
  ];
}

function deciding(store: ChatStore, rooms: readonly SeedRoom[]): Contender {
  const { db } = store;
  const applier = createApplier({ db, session: PROMPT, onApplied: () => undefined });
  const save = createScyllaSaveMessage({
    ...{ db, session: PROMPT, applier, events: new CommitSignal(), notifications: undefined },
  });
  const next = inTurn(rooms);
  return {
    async call() {
      const { id, members } = next();
      await save({
        ...{ id: v1(), roomId: id, sender: callerOf(members[0] ?? 0), content: CONTENT, lifetime: 'normal' },
        ...{ origin: 'app', mentions: [], push: false, senderMessageId: randomUUID() },
      });
    },
    settle: () => store.settle(),
  };
}

/** Knows every user as a member of every room, and no message. */
const PROMPT: ScyllaSession = {
  async read<R>(query: string, params: readonly unknown[]): Promise<R[]> {
    if (!query.includes('participants_by_room')) return [];
    const [room_id, users] = params as [string, readonly number[]];
    return users.map((user_id) => ({ room_id, user_id, removed_at: null, deleted_at: null })) as R[];
  },
  async *pages() {},
  write: async () => undefined,
  define: async () => undefined,
  ping: async () => undefined,
  breakerState: () => 'closed',
  close: async () => undefined,
};
