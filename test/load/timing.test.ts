import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultTimes } from '../../bench/proof/chaos.ts';
import { FaultWindows } from '../../bench/proof/fault-windows.ts';
import { Meter } from '../../bench/proof/meter.ts';
import { planMembership } from '../../bench/proof/population.ts';
import { planSchedule } from '../../bench/proof/schedule.ts';
import { highestPassed, nextRate, type Trial } from '../../bench/proof/search.ts';
import { sparkline } from '../../bench/proof/sparkline.ts';

describe('the schedule', () => {
  it('rises to the rate and keeps it, whatever happens to the messages', () => {
    const { total, dueAt } = planSchedule(100, 2, 3);
    expect(total).toBe(400);
    const perSecond = [0, 0, 0, 0, 0];
    for (let index = 0; index < total; index += 1) {
      const second = Math.floor(dueAt(index) / 1_000);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    expect(perSecond).toEqual([25, 75, 100, 100, 100]);
  });

  it('never goes back', () => {
    const rate = fc.integer({ min: 1, max: 5_000 });
    fc.assert(
      fc.property(rate, fc.double({ min: 0.1, max: 5, noNaN: true }), (perSecond, ramp) => {
        const { total, dueAt } = planSchedule(perSecond, ramp, 1);
        for (let index = 1; index < total; index += 1) {
          expect(dueAt(index)).toBeGreaterThanOrEqual(dueAt(index - 1));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('the membership', () => {
  it('gives every room two members or more, and every user as many rooms', () => {
    const sizes = fc.record({
      users: fc.integer({ min: 2, max: 60 }),
      rooms: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(sizes, ({ users, rooms }) => {
        fc.pre(users * Math.min(rooms, 3) >= 2 * rooms);
        const membership = planMembership(users, rooms);
        for (const members of membership) {
          expect(new Set(members).size).toBe(members.length);
          expect(members.length).toBeGreaterThanOrEqual(2);
        }
        const counts = Array.from({ length: users }, (_, user) =>
          membership.filter((one) => one.includes(user)),
        );
        expect(new Set(counts.map(({ length }) => length))).toEqual(new Set([Math.min(rooms, 3)]));
      }),
    );
  });
});

describe('what is late', () => {
  it('is a delivery over the limit, unless a fault explains it or the ramp was still going on', () => {
    const faults = new FaultWindows();
    const meter = new Meter({ lateMs: 100, faults });
    meter.delivered({ from: 0, to: 100 }, true);
    meter.delivered({ from: 0, to: 101 }, true);
    meter.delivered({ from: 0, to: 500 }, false);
    faults.begin('a fault', 1_000);
    // Due before it, and got after its begin.
    meter.delivered({ from: 900, to: 1_200 }, true);
    meter.delivered({ from: 1_100, to: 9_000 }, true);
    faults.end(2_000);
    meter.delivered({ from: 1_999, to: 5_000 }, true);
    meter.delivered({ from: 2_000, to: 5_000 }, true);
    const { late, delivery, deliveryWithFaults } = meter.result(0);
    expect({ late, calm: delivery.count, all: deliveryWithFaults.count }).toEqual({
      late: 2,
      calm: 3,
      all: 6,
    });
    expect(delivery.max).toBeCloseTo(3_000, -1);
  });

  it('makes faults evenly over the steady phase', () => {
    expect(faultTimes(5, 30)).toEqual([12_500, 20_000, 27_500]);
    expect(faultTimes(1, 4)).toEqual([3_000]);
  });
});

describe('the search', () => {
  it('finds the highest rate that passes, to within a tenth, in a few trials', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 8_000 }),
        fc.integer({ min: 200, max: 1_000 }),
        (limit, first) => {
          const trials: Trial[] = [];
          for (let rate = nextRate(first, trials); rate !== undefined; rate = nextRate(first, trials)) {
            trials.push({ rate, passed: rate <= limit });
          }
          expect(trials.length).toBeLessThanOrEqual(10);
          const found = highestPassed(trials);
          expect(found === undefined || found <= limit).toBe(true);
          if (trials.length < 10) expect(found ?? 0).toBeGreaterThanOrEqual(limit / 1.1);
        },
      ),
    );
  });

  it('finds nothing when nothing passes', () => {
    const trials: Trial[] = [];
    for (let rate = nextRate(100, trials); rate !== undefined; rate = nextRate(100, trials)) {
      trials.push({ rate, passed: false });
    }
    expect(trials.map(({ rate }) => rate)).toEqual([100, 50, 25, 13, 10]);
    expect(highestPassed(trials)).toBeUndefined();
  });
});

describe('the chart in a terminal', () => {
  it('has the newest values, each as high as its share of the highest', () => {
    expect(sparkline([9, 0, 1, 4, 8], 4)).toBe('▁▂▅█');
    expect(sparkline([0, 0], 4)).toBe('  ▁▁');
  });
});
