import type { PopulatedRoom } from './population.ts';

/** What one delivery was. `repaired`: it had been read from the history already. */
export type Reception = 'first' | 'repaired' | 'duplicated' | 'reordered' | 'misdelivered';

/** What came of all deliveries. */
export interface Deliveries {
  /** Each stored message to each member of its room. */
  readonly expected: number;
  /** Of those, how many came, by stream or, after a resync, from the history. */
  readonly delivered: number;
  readonly lost: number;
  /** Came again on a stream. */
  readonly duplicated: number;
  /** Came after a later message of the same room. */
  readonly reordered: number;
  /** Came to somebody who is no member, or with a number that another message has. */
  readonly misdelivered: number;
  /** Of those delivered, read from the history after a resync. */
  readonly fromHistory: number;
  /** Acknowledged to the sender, and not on record. */
  readonly vanished: number;
  /** The users who lost most, at most {@link WORST}. */
  readonly worst: readonly { readonly user: number; readonly lost: number }[];
}

const WORST = 20;
/** Marks of a sequence at one recipient. */
const STREAMED = 1;
const READ = 2;

interface Account {
  readonly marks: number[];
  /** The highest sequence that came by stream. */
  highest: number;
}

interface Book {
  readonly baseline: number;
  readonly accounts: ReadonlyMap<number, Account>;
  /** Which message has which sequence, as the sender or the first recipient was told. */
  readonly messages: Map<number, number>;
  readonly acknowledged: Set<number>;
  /** Nothing is known to be stored above it. */
  last: number;
  delivered: number;
}

/**
 * Who must get what, and who got it. A room's messages have the sequences 1, 2, 3 … without a hole, so every one between the
 * baseline and the last that is on record is owed to every member.
 */
export class Ledger {
  readonly #books: readonly Book[];
  #duplicated = 0;
  #reordered = 0;
  #misdelivered = 0;
  #vanished = 0;

  constructor(rooms: readonly Pick<PopulatedRoom, 'members' | 'baseline'>[]) {
    this.#books = rooms.map(({ members, baseline }) => ({
      baseline,
      accounts: new Map(members.map((user) => [user, { marks: [], highest: baseline }])),
      messages: new Map(),
      acknowledged: new Set(),
      last: baseline,
      delivered: 0,
    }));
  }

  /** The service acknowledged that message with that sequence. */
  acknowledged(room: number, sequence: number, message: number): void {
    const book = this.#bookOf(room);
    if (!this.#identify(book, sequence, message)) this.#misdelivered += 1;
    book.acknowledged.add(sequence);
    book.last = Math.max(book.last, sequence);
  }

  /** A stream of the user brought that message. */
  received(user: number, room: number, sequence: number, message: number): Reception {
    const book = this.#books[room];
    const account = book?.accounts.get(user);
    const isForeign = book === undefined || account === undefined || sequence <= book.baseline;
    if (isForeign || !this.#identify(book, sequence, message)) {
      this.#misdelivered += 1;
      return 'misdelivered';
    }
    const mark = account.marks[sequence - book.baseline];
    account.marks[sequence - book.baseline] = STREAMED;
    if (mark === STREAMED) {
      this.#duplicated += 1;
      return 'duplicated';
    }
    if (mark === undefined) book.delivered += 1;
    const isReordered = sequence < account.highest;
    account.highest = Math.max(account.highest, sequence);
    if (isReordered) {
      this.#reordered += 1;
      return 'reordered';
    }
    return mark === READ ? 'repaired' : 'first';
  }

  /** The user read that message from the history. Answers whether it was missing. */
  read(user: number, room: number, sequence: number): boolean {
    const book = this.#bookOf(room);
    const account = book.accounts.get(user);
    if (account === undefined || sequence <= book.baseline) return false;
    if (account.marks[sequence - book.baseline] !== undefined) return false;
    account.marks[sequence - book.baseline] = READ;
    book.delivered += 1;
    return true;
  }

  /** The first sequence of the room that the user has not got: everything before it is there. */
  firstMissing(user: number, room: number): number {
    const { accounts, baseline } = this.#bookOf(room);
    const marks = accounts.get(user)?.marks ?? [];
    let at = 1;
    while (marks[at] !== undefined) at += 1;
    return baseline + at;
  }

  /** What the service has on record: the last sequence of the room. */
  onRecord(room: number, lastSequence: number): void {
    const book = this.#bookOf(room);
    for (const sequence of book.acknowledged) if (sequence > lastSequence) this.#vanished += 1;
    book.last = Math.max(book.last, lastSequence);
  }

  /** Everything that is known to be stored was delivered. */
  get isComplete(): boolean {
    return this.#books.every((book) => book.delivered >= owed(book));
  }

  result(): Deliveries {
    const lost = new Map<number, number>();
    let delivered = 0;
    let fromHistory = 0;
    for (const { accounts, baseline, last } of this.#books) {
      for (const [user, { marks }] of accounts) {
        const got = marks.slice(1, last - baseline + 1).filter((mark) => mark !== undefined);
        delivered += got.length;
        fromHistory += got.filter((mark) => mark === READ).length;
        lost.set(user, (lost.get(user) ?? 0) + last - baseline - got.length);
      }
    }
    const worst = [...lost].filter(([, count]) => count > 0).toSorted((a, b) => b[1] - a[1]);
    return {
      expected: this.#books.reduce((sum, book) => sum + owed(book), 0),
      delivered,
      lost: worst.reduce((sum, [, count]) => sum + count, 0),
      duplicated: this.#duplicated,
      reordered: this.#reordered,
      misdelivered: this.#misdelivered,
      fromHistory,
      vanished: this.#vanished,
      worst: worst.slice(0, WORST).map(([user, count]) => ({ user, lost: count })),
    };
  }

  #identify({ messages }: Book, sequence: number, message: number): boolean {
    const known = messages.get(sequence);
    if (known === undefined) messages.set(sequence, message);
    return known === undefined || known === message;
  }

  #bookOf(room: number): Book {
    const book = this.#books[room];
    if (book === undefined) throw new Error(`there is no room ${room}`);
    return book;
  }
}

function owed({ accounts, baseline, last }: Book): number {
  return accounts.size * (last - baseline);
}
