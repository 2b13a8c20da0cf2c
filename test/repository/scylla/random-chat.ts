import { randomUUID } from 'node:crypto';
import { notFound } from '../../../src/chat/errors.ts';
import type { RoomChange } from '../../../src/chat/types.ts';
import type { Db } from '../../../src/repository/postgres/db.ts';
import type { RoomsRepository } from '../../../src/repository/rooms-repository.ts';
import { actor, nextMillisecond, SeededRooms } from '../../support/seeded-rooms.ts';

/** What happens, and four numbers that say to whom. */
export interface Step {
  readonly kind: keyof typeof WEIGHTS;
  readonly numbers: readonly [number, number, number, number];
}

/** Everything that can happen, and how often compared to the rest. */
export const WEIGHTS = {
  ...{ send: 10, richSend: 8, read: 8, react: 5, edit: 3, delete: 3, systemMessage: 2 },
  ...{ create: 2, add: 2, leave: 2, role: 1, pin: 1, flags: 1, change: 1, dissolve: 1 },
  ...{ removeUser: 1, renameUser: 1 },
};

const NAMES = ['Ana', 'ana', 'Áné', 'Zoé', 'Ñandú', '_%', '', '🐙 Émile'];

/** A chat of few users and rooms in which anything happens. What the store refuses does not happen. */
export class RandomChat {
  readonly users: number[] = [];
  readonly rooms: string[] = [];
  readonly messages: {
    readonly id: string;
    readonly roomId: string;
    readonly key: string;
    readonly sender: number;
  }[] = [];
  /** Times between the steps. */
  readonly times: string[] = [];
  readonly #repository: RoomsRepository;
  readonly #db: Db;
  readonly #seeded: SeededRooms;

  private constructor(repository: RoomsRepository, db: Db, firstUser: number) {
    this.#repository = repository;
    this.#db = db;
    const addUsers = async (
      users: readonly { id: number; name: string; phone?: string | undefined; avatar?: string | undefined }[],
    ) => {
      for (const { id, name, phone, avatar } of users) {
        const values = [id, name, phone ?? null, avatar ?? null];
        await db.query('INSERT INTO "user" (id, name, phone, avatar) VALUES ($1, $2, $3, $4)', values);
      }
    };
    this.#seeded = new SeededRooms({ repository, addUsers }, firstUser);
  }

  /** Opens it with users above `firstUser` and a few rooms. */
  static async open(repository: RoomsRepository, db: Db, firstUser: number): Promise<RandomChat> {
    const chat = new RandomChat(repository, db, firstUser);
    const fields = NAMES.map((name, index) => ({
      name,
      ...(index % 3 === 0 ? { phone: undefined, avatar: undefined } : {}),
    }));
    chat.users.push(...(await chat.#seeded.users(NAMES.length, fields)));
    for (const numbers of [
      [0, 0, 0, 0],
      [1, 0, 0, 1],
      [0, 1, 0, 2],
      [2, 3, 5, 7],
    ] as const) {
      await chat.do({ kind: 'create', numbers });
    }
    return chat;
  }

  async do({ kind, numbers }: Step): Promise<void> {
    this.times.push(new Date().toISOString());
    await this.#do(kind, numbers).catch((error: unknown) => {
      if (!(error instanceof Error) || !/^(not_found|invalid_request_data)$/.test(error.message)) throw error;
    });
    await nextMillisecond();
  }

  async #do(kind: Step['kind'], [a, b, c, d]: Step['numbers']): Promise<void> {
    const room = pick(this.rooms, a) ?? randomUUID();
    const user = await this.#actorIn(room, b);
    const other = pick(this.users, c) ?? 0;
    const inRoom = this.messages.filter(({ roomId }) => roomId === room);
    const message = await this.#messageIn(room, c);
    switch (kind) {
      case 'send':
        return await this.#send(room, user, {});
      case 'richSend':
        return await this.#send(room, user, this.#rich(other, d));
      case 'delete': {
        const some = inRoom.slice(-1 - (d % 3));
        return await this.#seeded.delete(room, user, d % 3 !== 0 ? [message] : some.map(({ id }) => id));
      }
      case 'react':
        return await this.#seeded.react(user, message, d % 3 === 0 ? '' : `r${d % 5}`);
      case 'read':
        await this.#seeded.read(room, user, [message]);
        return;
      case 'edit':
        await this.#repository.updateMessage(actor(user), message, () => ({ content: `edit ${d}` }));
        return;
      case 'add':
        return await this.#seeded.add(room, user, [other]);
      case 'leave':
        return await this.#seeded.remove(room, user, d % 2 === 0 ? [other] : [user]);
      case 'dissolve':
        return d % 4 === 0 ? await this.#seeded.dissolve(room, user) : undefined;
      case 'create': {
        const made = await this.#create(user, other, a, d);
        if (!this.rooms.includes(made)) this.rooms.push(made);
        return;
      }
      case 'pin':
        return await this.#repository.pinRoom(actor(user), room);
      case 'change':
        return await this.#change(user, room, {
          room: { name: pick(NAMES, d) ?? '', description: `d${d}` },
          effects: [],
        });
      case 'flags':
        return await this.#change(user, room, {
          actor: { isMuted: d % 2 === 0, isPartnerBlocked: d % 3 === 0 },
          effects: [],
        });
      case 'role':
        return await this.#change(user, room, {
          roles: new Map([[other, d % 2 === 0 ? 'ADMIN' : 'OWNER']]),
          effects: [],
        });
      case 'systemMessage':
        return await this.#change(user, room, {
          effects: [{ kind: 'system_message', event: 'new_member', content: `s${d}` }],
        });
      case 'removeUser':
        await this.#db.query(
          'UPDATE "user" SET removed_at = CASE WHEN removed_at IS NULL THEN now() END WHERE id = $1',
          [user],
        );
        return;
      case 'renameUser':
        await this.#db.query('UPDATE "user" SET name = $2 WHERE id = $1', [user, pick(NAMES, d) ?? '']);
        return;
    }
  }

  /** Mostly a member: others are refused. */
  async #actorIn(roomId: string, number: number): Promise<number> {
    const { rows } = await this.#db.query<{ id: number }>(
      `SELECT user_id AS id FROM room_member WHERE room_id = $1 AND removed_at IS NULL AND deleted_at IS NULL ORDER BY user_id`,
      [roomId],
    );
    const users = rows.length === 0 || number % 8 === 7 ? this.users : rows.map(({ id }) => id);
    return pick(users, number) ?? 0;
  }

  /** Mostly one that is not deleted; any one where PostgreSQL does not know them. */
  async #messageIn(roomId: string, number: number): Promise<string> {
    const { rows } = await this.#db.query<{ id: string }>(
      'SELECT id FROM room_message WHERE room_id = $1 AND (deleted_at IS NULL OR $2) ORDER BY sequence',
      [roomId, number % 8 === 7],
    );
    const sent = this.messages.filter((message) => message.roomId === roomId);
    return (pick(rows, number) ?? pick(sent, number))?.id ?? randomUUID();
  }

  async #send(roomId: string, sender: number, fields: Parameters<SeededRooms['send']>[2]): Promise<void> {
    const key = `key ${this.messages.length}`;
    const { id } = await this.#seeded.send(roomId, sender, {
      senderMessageId: key,
      content: `text ${key}`,
      ...fields,
    });
    this.messages.push({ id, roomId, key, sender });
  }

  #rich(other: number, number: number): Parameters<SeededRooms['send']>[2] {
    const known = pick(this.messages, number)?.id;
    const mentions = ['b', '@a', '😀', 'ﬁ'].slice(number % 4).map((tag) => ({ userId: other, tag }));
    return {
      ...(known === undefined || number % 3 === 0 ? {} : { replyId: known }),
      ...(known === undefined || number % 4 === 0 ? {} : { forward: { messageId: known, senderId: other } }),
      mentions: [...mentions, { userId: this.users[0] ?? 0, tag: 'z' }],
      lifetime: 'once',
      origin: '',
      locationName: 'Peak',
      locationLatitude: number / 7,
      locationLongitude: -number / 3,
      contactName: '',
      contactPhone: `+${other}`,
      file: 'a.png',
      event: 'poll',
      contentDecrypted: 'clear',
    };
  }

  async #create(user: number, other: number, kind: number, size: number): Promise<string> {
    if (kind % 3 === 0) {
      if (await this.#hasLeftPair(user, other)) throw notFound();
      return (await this.#seeded.p2p(user, other)).id;
    }
    const others = this.users.filter((id) => id !== user).slice(0, size % this.users.length);
    const type = kind % 3 === 1 ? 'group' : 'channel';
    const room = await this.#seeded.room(user, others, {
      type,
      name: pick(NAMES, size) ?? '',
      sendMessage: size % 2 === 0,
    });
    return room.id;
  }

  /** By the rules a p2p room ends when somebody leaves it. Here it goes on with one member, and the other one can't open it again. */
  async #hasLeftPair(user: number, other: number): Promise<boolean> {
    const { rowCount } = await this.#db.query(
      `SELECT FROM room r JOIN room_member m ON m.room_id = r.id AND m.user_id = $1
       WHERE r.p2p_low = least($1::int, $2::int) AND r.p2p_high = greatest($1::int, $2::int) AND r.deleted_at IS NULL
         AND (m.removed_at IS NOT NULL OR m.deleted_at IS NOT NULL)`,
      [user, other],
    );
    return rowCount > 0;
  }

  async #change(user: number, roomId: string, change: RoomChange): Promise<void> {
    await this.#repository.updateRoom(actor(user), roomId, () => change);
  }
}

function pick<T>(items: readonly T[], number: number): T | undefined {
  return items[number % Math.max(1, items.length)];
}
