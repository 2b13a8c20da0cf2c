import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { v1 as uuidv1 } from 'uuid';
import type { ClientParams } from '../../src/auth/caller.ts';
import type { RoomEffect } from '../../src/chat/types.ts';
import type { MessageData, Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import type { Actor, NewMessage, NewRoom, RoomsRepository } from '../../src/repository/rooms-repository.ts';
import type { RoomsRepositoryFixture, TestUser } from '../contract/rooms-repository-adapter.ts';

const CLIENT: ClientParams = {
  clientId: 'test',
  lang: 'en',
  timezone: '',
  platform: 'unknown',
  clientVersion: '1.0.0',
};

/** What the read suites share: the store under test, and a way to fill it. */
export interface ReadsContext {
  readonly repository: RoomsRepository;
  readonly seeded: SeededRooms;
}

/** Says in few words what a test of a RoomsRepository needs to happen first. Users are its own: tests do not meet. */
export class SeededRooms {
  readonly #fixture: Pick<RoomsRepositoryFixture, 'repository' | 'addUsers'>;
  #lastUser: number;

  /** Users get ids above `firstUser`. */
  constructor(fixture: Pick<RoomsRepositoryFixture, 'repository' | 'addUsers'>, firstUser: number) {
    this.#fixture = fixture;
    this.#lastUser = firstUser;
  }

  /** New users with names, phones and avatars; `fields` replaces those, by position. */
  async users(count: number, fields: readonly Partial<TestUser>[] = []): Promise<number[]> {
    const users = Array.from({ length: count }, (_, index): TestUser => {
      this.#lastUser += 1;
      const id = this.#lastUser;
      return { id, name: `User ${id}`, phone: `+${id}`, avatar: `${id}.png`, ...fields[index] };
    });
    await this.#fixture.addUsers(users);
    return users.map(({ id }) => id);
  }

  async room(
    creator: number,
    participantIds: readonly number[],
    fields: Partial<NewRoom> = {},
  ): Promise<Room> {
    const { room } = await this.#fixture.repository.createRoom({
      id: randomUUID(),
      type: 'group',
      name: 'Room',
      description: '',
      photoUrl: '',
      encryptionData: 'key',
      sendMessage: true,
      addMember: false,
      editGroup: false,
      creator: actor(creator),
      participantIds,
      joinedAt: '2024-01-01T00:00:00Z',
      subscribe: false,
      ...fields,
    });
    // Who is added next joined later.
    await nextMillisecond();
    return room;
  }

  async p2p(one: number, other: number): Promise<Room> {
    return await this.room(one, [other], { type: 'p2p', name: '' });
  }

  /** Sends a message; every message of a test has a time of its own. */
  async send(roomId: string, sender: number, fields: Partial<NewMessage> = {}): Promise<MessageData> {
    const { message } = await this.#fixture.repository.saveMessage({
      id: uuidv1(),
      roomId,
      sender: actor(sender),
      content: 'text',
      lifetime: 'normal',
      origin: 'app',
      mentions: [],
      push: false,
      ...fields,
    });
    await nextMillisecond();
    return message;
  }

  async delete(roomId: string, userId: number, messageIds: readonly string[]): Promise<void> {
    await this.#fixture.repository.deleteMessages(actor(userId), roomId, messageIds, () => undefined);
    await nextMillisecond();
  }

  async read(roomId: string, userId: number, messageIds: readonly string[]): Promise<number> {
    const readAt = '2024-01-01T00:00:00Z';
    const marked = await this.#fixture.repository.markMessagesAsRead(
      actor(userId),
      roomId,
      messageIds,
      readAt,
    );
    await nextMillisecond();
    return marked;
  }

  async react(userId: number, messageId: string, reaction: string): Promise<void> {
    await this.#fixture.repository.reactToMessage(actor(userId), messageId, reaction);
    await nextMillisecond();
  }

  async add(roomId: string, userId: number, added: readonly number[]): Promise<void> {
    const effects = added.map(
      (id): RoomEffect => ({ kind: 'join', userId: id, joinedAt: '2024-01-01T00:00:00Z' }),
    );
    const { repository } = this.#fixture;
    await repository.addParticipantToRoom(actor(userId), roomId, added, () => ({ add: added, effects }));
    await nextMillisecond();
  }

  async remove(roomId: string, userId: number, removed: readonly number[]): Promise<void> {
    const { repository } = this.#fixture;
    await repository.leaveRoom(actor(userId), roomId, removed, () => ({ remove: removed, effects: [] }));
    await nextMillisecond();
  }

  async dissolve(roomId: string, userId: number): Promise<void> {
    const { repository } = this.#fixture;
    await repository.leaveRoom(actor(userId), roomId, 'all', () => ({ deleteRoom: true, effects: [] }));
    await nextMillisecond();
  }
}

/** The user as one who acts. */
export function actor(userId: number): Actor {
  return { userId, client: CLIENT };
}

/** Two things before and after this have different times. */
export async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  while (Date.now() <= now) await setImmediate();
}

/** The instant that many milliseconds after the ISO text. */
export function shifted(iso: string, milliseconds: number): string {
  return new Date(Date.parse(iso) + milliseconds).toISOString();
}
