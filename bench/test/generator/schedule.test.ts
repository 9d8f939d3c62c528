import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Schedule } from '../../src/generator/schedule.ts';

test('the first is due at the start, and each other as soon as its interval has passed', () => {
  const schedule = new Schedule(20);
  expect([...schedule.dueBy(0)]).toEqual([{ n: 0, due: 0 }]);
  expect([...schedule.dueBy(49_999)]).toEqual([]);
  expect([...schedule.dueBy(50_000)]).toEqual([{ n: 1, due: 50_000 }]);
  expect([...schedule.dueBy(170_000)]).toEqual([
    { n: 2, due: 100_000 },
    { n: 3, due: 150_000 },
  ]);
});

test('whenever it is asked, all that are due come once, in order, and none before its time', () => {
  const looks = fc.array(fc.nat(200_000), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), looks, (perSecond, unsorted) => {
      const schedule = new Schedule(perSecond);
      const given: { n: number; due: number }[] = [];
      for (const elapsed of unsorted.toSorted((a, b) => a - b)) {
        given.push(...schedule.dueBy(elapsed));
        expect(given.at(-1)?.due).toBeLessThanOrEqual(elapsed);
        expect((given.length * 1e6) / perSecond).toBeGreaterThan(elapsed);
      }
      expect(given.map(({ n }) => n)).toEqual([...given.keys()]);
      expect(given.every(({ n, due }) => Math.abs(due - (n * 1e6) / perSecond) <= 1)).toBe(true);
    }),
  );
});
