import type { Db } from '../../postgres/db.ts';
import { chunksOf } from '../in-parallel.ts';
import type { ScyllaSession } from '../session.ts';
import { readStoreState } from '../store-state.ts';
import { compareMessages } from './message-comparison.ts';
import {
  eachRoom,
  isUnlimited,
  type Period,
  type RoomSize,
  readSpan,
  requireRoom,
} from './migration-source.ts';
import { compareRoom } from './room-comparison.ts';
import { type CountedRoom, countRoomInBoth } from './room-counts.ts';
import { createReservoir } from './sample.ts';
import { createSettling, type Settling } from './settling.ts';

/*
 * Holds Scylla against PostgreSQL while the service runs: every room is counted, random messages and rooms are compared in full.
 * What only Scylla has is found by the counts, and among all rooms and all memberships by reading those.
 * Memory: the samples, and a partition of keys for each worker.
 */

/** What to compare, and how. */
export interface ValidationOptions extends Period {
  /** So many messages, and so many rooms, are compared in full; all when there are fewer. */
  readonly samples: number;
  /** Rooms at a time. */
  readonly workers: number;
  /** Only this one. */
  readonly roomId: string | undefined;
  /** How long changes are waited for that Scylla lacks, milliseconds. Default 10 s. */
  readonly patienceMs?: number;
}

/** How many of each a store has. */
export interface StoreCounts {
  readonly rooms: number;
  readonly participants: number;
  readonly messages: number;
  readonly reactions: number;
  readonly positions: number;
}

/** What was found. */
export interface ValidationResult {
  /** Without the rooms that are behind. */
  readonly postgres: StoreCounts;
  readonly scylla: StoreCounts;
  /** Counts first; at most {@link MAX_TOLD} of the rest. */
  readonly mismatches: readonly string[];
  /** Of those that there are. */
  readonly untold: number;
  readonly comparedMessages: number;
  readonly comparedRooms: number;
  /** Rooms with changes that Scylla lacks still. */
  readonly behind: readonly string[];
}

/** Mismatches that are told of. */
const MAX_TOLD = 1_000;

/** Compares both stores. `onRoom` is told after each room that was counted. */
export async function validateScylla(
  { db, session }: { readonly db: Db; readonly session: ScyllaSession },
  options: ValidationOptions,
  onRoom: () => void,
): Promise<ValidationResult> {
  if ((await readStoreState(db)).leader === 'scylla') {
    throw new Error('rooms and messages are in Scylla alone: there is nothing to compare them with');
  }
  await requireRoom(db, options.roomId);
  return await new Validation(db, session, options, onRoom).run();
}

class Validation {
  readonly #db: Db;
  readonly #session: ScyllaSession;
  readonly #options: ValidationOptions;
  readonly #onRoom: () => void;
  readonly #settling: Settling;
  readonly #told = new Set<string>();
  #untold = 0;
  readonly #behind = new Set<string>();
  readonly #postgres = { rooms: 0, participants: 0, messages: 0, reactions: 0, positions: 0 };
  readonly #scylla = { rooms: 0, participants: 0, messages: 0, reactions: 0, positions: 0 };

  constructor(db: Db, session: ScyllaSession, options: ValidationOptions, onRoom: () => void) {
    this.#db = db;
    this.#session = session;
    this.#options = options;
    this.#onRoom = onRoom;
    this.#settling = createSettling(db, options.patienceMs);
  }

  async run(): Promise<ValidationResult> {
    const { samples, roomId } = this.#options;
    const rooms = createReservoir<string>(samples);
    const messages = createReservoir<{ readonly roomId: string; readonly sequence: number }>(samples);
    await this.#eachAtOnce(eachRoom(this.#db, roomId), async (room) => {
      await this.#count(room);
      rooms.offer(() => room.id);
      const span = isUnlimited(this.#options)
        ? { first: 1, last: room.lastSequence }
        : await readSpan(this.#db, room, this.#options);
      for (let sequence = span?.first ?? 1; sequence <= (span?.last ?? 0); sequence += 1) {
        const place = sequence;
        messages.offer(() => ({ roomId: room.id, sequence: place }));
      }
      this.#onRoom();
    });
    if (roomId === undefined) {
      await this.#findRooms();
      await this.#findMemberships();
    }
    const byRoom = Map.groupBy(messages.items(), (message) => message.roomId);
    await this.#eachAtOnce(byRoom.entries(), async ([id, places]) => {
      const sequences = places.map(({ sequence }) => sequence).sort((a, b) => a - b);
      for (const chunk of chunksOf(sequences, 200)) {
        await this.#compare(id, async () => await compareMessages(this.#stores, id, chunk));
      }
    });
    await this.#eachAtOnce(rooms.items().values(), async (id) => {
      await this.#compare(id, async () => await compareRoom(this.#stores, id));
    });
    return {
      postgres: this.#postgres,
      scylla: this.#scylla,
      mismatches: [...this.#countMismatches(), ...this.#told],
      untold: this.#untold,
      comparedMessages: messages.items().length,
      comparedRooms: rooms.items().length,
      behind: [...this.#behind],
    };
  }

  get #stores(): { readonly sql: Db; readonly session: ScyllaSession } {
    return { sql: this.#db, session: this.#session };
  }

  async #count(room: RoomSize): Promise<void> {
    const counted = await this.#settling.settle(room.id, async (): Promise<Counted> => {
      const query = 'SELECT type FROM {ks}.room_details WHERE room_id = ?';
      const [details] = await this.#session.read<{ type: string | null }>(query, [room.id]);
      const isThere = typeof details?.type === 'string';
      const counts = await countRoomInBoth(this.#stores, room, this.#options);
      const missing = isThere ? [] : [`room mismatch for ID ${room.id}: missing`];
      return { ...counts, isThere, mismatches: [...missing, ...counts.mismatches] };
    });
    if (counted === undefined) {
      this.#behind.add(room.id);
      return;
    }
    this.#postgres.rooms += 1;
    this.#scylla.rooms += counted.isThere ? 1 : 0;
    for (const name of ['participants', 'messages', 'reactions', 'positions'] as const) {
      this.#postgres[name] += counted.postgres[name];
      this.#scylla[name] += counted.scylla[name];
    }
    this.#tell(counted.mismatches);
  }

  async #compare(roomId: string, compare: () => Promise<readonly string[]>): Promise<void> {
    if (this.#behind.has(roomId)) return;
    const found = await this.#settling.settle(roomId, async () => ({ mismatches: await compare() }));
    if (found === undefined) this.#behind.add(roomId);
    else this.#tell(found.mismatches);
  }

  /** Rooms that only Scylla has. Those of PostgreSQL are there first, and stay. */
  async #findRooms(): Promise<void> {
    const pages = this.#session.pages<{ room_id: string; type: string | null }>(
      'SELECT room_id, type FROM {ks}.room_details',
      [],
    );
    for await (const page of pages) {
      const ids = page.flatMap((row) => (row.type === null ? [] : [row.room_id]));
      const { rows } = await this.#db.query<{ id: string }>(
        `SELECT i.id FROM unnest($1::uuid[]) AS i (id) WHERE NOT EXISTS (SELECT FROM room r WHERE r.id = i.id)`,
        [ids],
      );
      this.#scylla.rooms += rows.length;
      this.#tell(rows.map(({ id }) => `room mismatch for ID ${id}: not in PostgreSQL`));
    }
  }

  /** Memberships that only the lists of users have. */
  async #findMemberships(): Promise<void> {
    const pages = this.#session.pages<{ user_id: number; room_id: string }>(
      'SELECT user_id, room_id FROM {ks}.rooms_by_user',
      [],
    );
    for await (const page of pages) {
      const { rows } = await this.#db.query<{ user_id: number; room_id: string }>(
        `SELECT i.user_id, i.room_id FROM unnest($1::int[], $2::uuid[]) AS i (user_id, room_id)
          WHERE NOT EXISTS (SELECT FROM room_member m WHERE m.room_id = i.room_id AND m.user_id = i.user_id)`,
        [page.map(({ user_id }) => user_id), page.map(({ room_id }) => room_id)],
      );
      this.#tell(
        rows.map(
          ({ user_id, room_id }) =>
            `participant mismatch for room ${room_id} user ${user_id}: rooms_by_user, not in PostgreSQL`,
        ),
      );
    }
  }

  async #eachAtOnce<T>(
    items: Iterator<T> | AsyncIterator<T>,
    work: (item: T) => Promise<void>,
  ): Promise<void> {
    let failed = false;
    const worker = async (): Promise<void> => {
      while (!failed) {
        const { done, value } = await items.next();
        if (done === true) return;
        await work(value).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: this.#options.workers }, worker));
  }

  #tell(mismatches: readonly string[]): void {
    for (const text of mismatches) {
      if (this.#told.has(text)) continue;
      if (this.#told.size < MAX_TOLD) this.#told.add(text);
      else this.#untold += 1;
    }
  }

  #countMismatches(): string[] {
    const names = [
      ['message', 'messages'],
      ['room', 'rooms'],
      ['participant', 'participants'],
      ['reaction', 'reactions'],
      ['read position', 'positions'],
    ] as const;
    return names.flatMap(([what, name]) => {
      const [postgres, scylla] = [this.#postgres[name], this.#scylla[name]];
      return postgres === scylla ? [] : [`${what} count mismatch: pg=${postgres}, scylla=${scylla}`];
    });
  }
}

type Counted = CountedRoom & { readonly isThere: boolean };
