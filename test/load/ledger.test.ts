import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../bench/proof/ledger.ts';

/** One message reaching one member. */
interface Delivery {
  readonly user: number;
  readonly room: number;
  readonly sequence: number;
}

const NOTHING_WRONG = { lost: 0, duplicated: 0, reordered: 0, misdelivered: 0, vanished: 0, fromHistory: 0 };

const rooms = fc.array(
  fc.record({
    members: fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 2, maxLength: 6 }),
    baseline: fc.integer({ min: 0, max: 5 }),
    messages: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 1, maxLength: 4 },
);
type Rooms = typeof rooms extends fc.Arbitrary<infer T> ? T : never;

describe('the ledger', () => {
  it('finds nothing wrong when everybody gets everything once and in order', () => {
    fc.assert(
      fc.property(rooms, (all) => {
        const ledger = filled(all);
        for (const delivery of owed(all)) deliver(ledger, delivery);
        expect(ledger.isComplete).toBe(true);
        expect(ledger.result()).toMatchObject({ ...NOTHING_WRONG, delivered: owed(all).length, worst: [] });
      }),
    );
  });

  it('counts each delivery that never came, and names who lost it', () => {
    fc.assert(
      fc.property(rooms, fc.infiniteStream(fc.boolean()), (all, coin) => {
        const ledger = filled(all);
        const lost = owed(all).filter((delivery) => {
          const isLost = coin.next().value === true;
          if (!isLost) deliver(ledger, delivery);
          return isLost;
        });
        const result = ledger.result();
        expect(result).toMatchObject({ ...NOTHING_WRONG, lost: lost.length });
        expect(ledger.isComplete).toBe(lost.length === 0);
        expect(new Set(result.worst.map(({ user }) => user))).toEqual(new Set(lost.map(({ user }) => user)));
      }),
    );
  });

  it('counts each delivery that came again, as what it is', () => {
    fc.assert(
      fc.property(rooms, fc.nat(), (all, pick) => {
        const ledger = filled(all);
        const deliveries = owed(all);
        for (const delivery of deliveries) deliver(ledger, delivery);
        const again = deliveries[pick % deliveries.length];
        if (again !== undefined) expect(deliver(ledger, again)).toBe('duplicated');
        expect(ledger.result()).toMatchObject({ ...NOTHING_WRONG, duplicated: 1 });
      }),
    );
  });

  it('counts each delivery that came after a later one of its room', () => {
    fc.assert(
      fc.property(rooms, fc.nat(), (all, pick) => {
        const several = all.map((room) => ({ ...room, messages: room.messages + 1 }));
        const deliveries = owed(several);
        // Any but the last of its room comes at the very end.
        const candidates = deliveries.filter(({ room, sequence }) => sequence < lastOf(several[room]));
        const tardy = candidates[pick % candidates.length];
        const ledger = filled(several);
        for (const delivery of deliveries) if (delivery !== tardy) deliver(ledger, delivery);
        if (tardy !== undefined) expect(deliver(ledger, tardy)).toBe('reordered');
        expect(ledger.result()).toMatchObject({ ...NOTHING_WRONG, reordered: 1 });
      }),
    );
  });

  it('takes a stranger, an old number and a number of another message for what was delivered wrongly', () => {
    const ledger = filled([{ members: [1, 2], baseline: 3, messages: 2 }]);
    expect(ledger.received(7, 0, 4, 4)).toBe('misdelivered');
    expect(ledger.received(1, 0, 3, 3)).toBe('misdelivered');
    expect(ledger.received(1, 5, 4, 4)).toBe('misdelivered');
    expect(ledger.received(1, 0, 4, 5)).toBe('misdelivered');
    expect(ledger.result()).toMatchObject({ misdelivered: 4, lost: 4 });
  });

  it('owes what is on record, whoever was told of it, and misses what was acknowledged and is not', () => {
    const ledger = filled([{ members: [1, 2], baseline: 0, messages: 3 }]);
    ledger.onRecord(0, 5);
    expect(ledger.result()).toMatchObject({ expected: 10, lost: 10, vanished: 0 });
    const other = filled([{ members: [1, 2], baseline: 0, messages: 3 }]);
    other.onRecord(0, 1);
    expect(other.result()).toMatchObject({ vanished: 2 });
  });

  it('takes what is read from the history after a resync for delivered, once', () => {
    const ledger = filled([{ members: [1, 2], baseline: 0, messages: 4 }]);
    for (const sequence of [1, 2]) deliver(ledger, { user: 1, room: 0, sequence });
    expect(ledger.firstMissing(1, 0)).toBe(3);
    // Live again while the history is read.
    deliver(ledger, { user: 1, room: 0, sequence: 4 });
    expect([2, 3, 4].map((sequence) => ledger.read(1, 0, sequence))).toEqual([false, true, false]);
    for (const sequence of [1, 2, 3]) ledger.read(2, 0, sequence);
    expect(deliver(ledger, { user: 2, room: 0, sequence: 3 })).toBe('repaired');
    deliver(ledger, { user: 2, room: 0, sequence: 4 });
    expect(ledger.result()).toMatchObject({ ...NOTHING_WRONG, delivered: 8, fromHistory: 3 });
  });
});

/** A ledger that knows of every message: the message of a sequence has the same number. */
function filled(all: Rooms): Ledger {
  const ledger = new Ledger(all);
  for (const [room, { baseline, messages }] of all.entries()) {
    for (let next = 1; next <= messages; next += 1)
      ledger.acknowledged(room, baseline + next, baseline + next);
  }
  return ledger;
}

function owed(all: Rooms): Delivery[] {
  return all.flatMap(({ members, baseline, messages }, room) =>
    Array.from({ length: messages }, (_, index) => baseline + index + 1).flatMap((sequence) =>
      members.map((user) => ({ user, room, sequence })),
    ),
  );
}

function deliver(ledger: Ledger, { user, room, sequence }: Delivery): string {
  return ledger.received(user, room, sequence, sequence);
}

function lastOf(room: Rooms[number] | undefined): number {
  return room === undefined ? 0 : room.baseline + room.messages;
}
