import { harmless } from './text.ts';

/** People that are remembered. */
const MAX_PEOPLE = 5_000;

/** Everybody who was seen, by id and by phone: the newest 5,000. */
export class People {
  readonly #me: number;
  readonly #names = new Map<number, string>();
  readonly #phones = new Map<string, string>();

  constructor(me: number) {
    this.#me = me;
  }

  /** Takes in what a message or a list of members tells about somebody. */
  learn({ id, name, phone }: { readonly id: number; readonly name: string; readonly phone: string }): void {
    if (name === '') return;
    keep(this.#names, id, harmless(name));
    if (phone !== '') keep(this.#phones, phone, harmless(name));
  }

  /** Fit for a terminal, as are all names here. */
  nameOf(id: number): string {
    return this.#names.get(id) ?? `user ${id}`;
  }

  /** The user himself is `you`. */
  firstNameOf(id: number): string {
    return id === this.#me ? 'you' : (this.nameOf(id).split(' ')[0] ?? '');
  }

  /** System messages name people by phone. */
  nameOfPhone(phone: string): string {
    return this.#phones.get(phone) ?? (harmless(phone) || 'somebody');
  }
}

/** Adds to a map that forgets its oldest. */
function keep<K>(map: Map<K, string>, key: K, value: string): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MAX_PEOPLE) break;
    map.delete(oldest);
  }
}
