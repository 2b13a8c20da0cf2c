import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { MessageData, Room, RoomParticipant } from '../../gen/services/chat/v1/types_pb.ts';
import type { Person } from './model.ts';

/** Everybody who was ever seen, by id, and by phone, which is how system messages name people. */
export class People {
  readonly #people = signal<ReadonlyMap<number, Person>>(new Map());
  readonly #phones = new Map<string, number>();
  readonly #me: Person;
  /** By name, without the user himself. */
  readonly list: ReadonlySignal<readonly Person[]> = computed(() =>
    [...this.#people.value.values()]
      .filter(({ id }) => id !== this.#me.id)
      .sort((a, b) => a.name.localeCompare(b.name)),
  );

  constructor(me: Person, known: readonly Person[]) {
    this.#me = me;
    this.#learn([...known, me]);
  }

  learnRoom({ partner, participants }: Pick<Room, 'partner' | 'participants'>): void {
    this.learnMembers(partner === undefined ? participants : [...participants, partner]);
  }

  learnMembers(members: readonly Omit<RoomParticipant, '$typeName'>[]): void {
    for (const { phone, id } of members) if (phone !== '') this.#phones.set(phone, id);
    this.#learn(members);
  }

  learnSender({ senderId, senderName, senderAvatar, senderPhone }: MessageData): void {
    if (senderPhone !== '') this.#phones.set(senderPhone, senderId);
    this.#learn([{ id: senderId, name: senderName, avatar: senderAvatar }]);
  }

  byId(id: number): Person {
    return this.#people.peek().get(id) ?? { id, name: `User ${id}`, avatar: '' };
  }

  nameOf(id: number): string {
    return id === this.#me.id ? 'You' : this.byId(id).name;
  }

  /** The phone itself when nobody is known to have it. */
  nameOfPhone(phone: string): string {
    const id = this.#phones.get(phone);
    return id === undefined ? phone || 'somebody' : this.nameOf(id);
  }

  #learn(people: readonly Person[]): void {
    const known = this.#people.peek();
    const news = people.filter((one) => one.name !== '' && !isSame(known.get(one.id), one));
    if (news.length === 0) return;
    this.#people.value = new Map([
      ...known,
      ...news.map(({ id, name, avatar }) => [id, { id, name, avatar }] as const),
    ]);
  }
}

function isSame(known: Person | undefined, { name, avatar }: Person): boolean {
  // The last message of a room in a list comes without the picture.
  return known !== undefined && known.name === name && (avatar === '' || known.avatar === avatar);
}
