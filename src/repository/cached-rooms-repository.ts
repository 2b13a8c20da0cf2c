import type { CacheStore } from '../cache/cache-store.ts';
import type { UserProfile } from '../chat/types.ts';
import type { Room } from '../gen/services/chat/v1/types_pb.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { addProfiles, decodeView, encodeView, usersIn } from './cached-view.ts';
import { guarded } from './postgres/store-errors.ts';
import type { ListRooms, RoomListing, StampedRoom } from './room-listing.ts';
import type { Page, RoomListQuery, RoomsRepository } from './rooms-repository.ts';

/** What a cached repository stands on, beside what it decorates. */
export interface CachedRoomsDeps {
  /** Of the store that it decorates. */
  readonly listRooms: ListRooms;
  /** Profiles of users as they are now, of removed ones as well. */
  readonly profiles: (userIds: readonly number[]) => Promise<ReadonlyMap<number, UserProfile>>;
  readonly cache: CacheStore;
  readonly operations: Metrics['cacheOperations'];
}

/**
 * The same repository, with the views of room lists from a cache where it has them as they are now.
 *
 * Invariants:
 * - Nothing is invalidated, everything is validated: the store is always asked which rooms the user sees and under which stamps, and a
 *   cached view counts when it was loaded under the same stamp. So the cache answers no question about rights, and
 *   a late writer can only leave something behind that nobody accepts.
 * - Names, phones and avatars are never in it.
 * - A view that several callers miss under one stamp is loaded once.
 * - Without an answer of the cache everything is loaded: a failure costs what waiting for it costs, and nobody sees it.
 * - Only what buys something is cached: docs/caching.md has the figures.
 */
export function createCachedRoomsRepository(base: RoomsRepository, deps: CachedRoomsDeps): RoomsRepository {
  const lists = new CachedLists(deps);
  return { ...base, getRoomList: (userId, query) => guarded(() => lists.get(userId, query)) };
}

/** Encoded views by room. */
type Views = ReadonlyMap<string, Uint8Array>;

class CachedLists {
  readonly #deps: CachedRoomsDeps;
  /** What is being loaded, by user, room and stamp. */
  readonly #flights = new Map<string, Promise<Views>>();

  constructor(deps: CachedRoomsDeps) {
    this.#deps = deps;
  }

  async get(userId: number, query: RoomListQuery): Promise<Page<Room>> {
    const listing = await this.#deps.listRooms(userId, query);
    const { cached, answered } = await this.#cached(userId, listing.rooms);
    const missing = listing.rooms.filter(({ id }) => !cached.has(id));
    const elsewhere = missing.flatMap((room) => {
      const flight = this.#flights.get(flightOf(userId, room));
      return flight === undefined ? [] : [{ room, flight }];
    });
    const joined = new Set(elsewhere.map(({ room }) => room.id));
    const own = missing.filter(({ id }) => !joined.has(id));
    const shown = await Promise.all([
      this.#complete([...cached.values()]),
      Promise.all(elsewhere.map(async ({ room, flight }) => decoded((await flight).get(room.id), room))).then(
        async (views) => await this.#complete(views.filter((view) => view !== undefined)),
      ),
      this.#load(userId, listing, own, answered),
    ]);
    const byId = new Map(shown.flat().map((room) => [room.id, room]));
    // A user who was erased by hand, or a room that another call has just lost: the store says what is to be seen then.
    const rest = [...cached.keys(), ...joined].filter((id) => !byId.has(id));
    if (rest.length > 0) for (const room of await listing.load(rest)) byId.set(room.id, room);
    return { items: listing.rooms.flatMap(({ id }) => byId.get(id) ?? []), total: listing.total };
  }

  /** The views that are there and of now, without profiles; and whether the cache answered. */
  async #cached(
    userId: number,
    rooms: readonly StampedRoom[],
  ): Promise<{ readonly cached: ReadonlyMap<string, Room>; readonly answered: boolean }> {
    const { cache, operations } = this.#deps;
    const stamped = rooms.filter(({ stamp }) => stamp !== undefined);
    const cached = new Map<string, Room>();
    if (stamped.length === 0) return { cached, answered: true };
    const values = await cache.getMany(
      String(userId),
      stamped.map(({ id }) => id),
    );
    if (values === undefined) {
      operations.inc({ operation: 'get', status: 'error' });
      return { cached, answered: false };
    }
    const counts = { hit: 0, miss: 0, stale: 0 };
    for (const [index, { id, stamp = '' }] of stamped.entries()) {
      const value = values[index];
      const view = value === undefined ? 'unusable' : decodeView(value, id, stamp);
      if (typeof view === 'object') cached.set(id, view.room);
      counts[typeof view === 'object' ? 'hit' : view === 'stale' ? 'stale' : 'miss'] += 1;
    }
    for (const [status, count] of Object.entries(counts)) operations.inc({ operation: 'get', status }, count);
    return { cached, answered: true };
  }

  /** Those of the views that all profiles are known for, with them. */
  async #complete(views: readonly Room[]): Promise<Room[]> {
    if (views.length === 0) return [];
    const profiles = await this.#deps.profiles([...new Set(views.flatMap(usersIn))]);
    return views.filter((view) => addProfiles(view, (id) => profiles.get(id)));
  }

  /** Loads views from the store, for whoever misses them as well, and into the cache. */
  async #load(
    userId: number,
    listing: RoomListing,
    rooms: readonly StampedRoom[],
    intoCache: boolean,
  ): Promise<Room[]> {
    if (rooms.length === 0) return [];
    const loading = listing.load(rooms.map(({ id }) => id));
    const stamps = new Map(rooms.flatMap(({ id, stamp }) => (stamp === undefined ? [] : [[id, stamp]])));
    const encoding = loading.then((loaded): Views => {
      const views = loaded.flatMap((room) => {
        const stamp = stamps.get(room.id);
        return stamp === undefined ? [] : [[room.id, encodeView(room, stamp)] as const];
      });
      return new Map(views);
    });
    const flights = rooms.filter(({ stamp }) => stamp !== undefined).map((room) => flightOf(userId, room));
    for (const flight of flights) this.#flights.set(flight, encoding);
    try {
      const views = await encoding;
      // Not waited for: whoever asks next may find it.
      if (intoCache && views.size > 0) void this.#store(userId, views);
      return await loading;
    } finally {
      for (const flight of flights) this.#flights.delete(flight);
    }
  }

  async #store(userId: number, views: Views): Promise<void> {
    const stored = await this.#deps.cache.setMany(String(userId), views);
    if (!stored) this.#deps.operations.inc({ operation: 'set', status: 'error' });
  }
}

function flightOf(userId: number, { id, stamp }: StampedRoom): string {
  return `${userId} ${id} ${stamp ?? ''}`;
}

function decoded(view: Uint8Array | undefined, { id, stamp }: StampedRoom): Room | undefined {
  const found = view === undefined ? undefined : decodeView(view, id, stamp ?? '');
  return typeof found === 'object' ? found.room : undefined;
}
