import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OpRate } from '../src/usage/op-rate.ts';

const START_MS = 1_700_000_000_400;

test('the rate is that of the last 15 s, and what is older is forgotten', () => {
  const rate = new OpRate(START_MS);
  expect(rate.perSecond(START_MS)).toBe(0);
  rate.count(30, START_MS);
  expect(rate.perSecond(START_MS)).toBe(2);
  expect(rate.perSecond(START_MS + 14_000)).toBe(2);
  expect(rate.perSecond(START_MS + 16_000)).toBe(0);
  rate.count(15, START_MS + 16_000);
  expect(rate.perSecond(START_MS + 16_000)).toBe(1);
  expect(rate.perSecond(START_MS + 3_600_000)).toBe(0);
});

test('a steady stream of ops has its rate, whenever it is asked', () => {
  const rate = new OpRate(START_MS);
  for (let ms = 0; ms < 60_000; ms += 10) {
    rate.count(1, START_MS + ms);
    if (ms > 17_000) expect(Math.abs(rate.perSecond(START_MS + ms) - 100)).toBeLessThan(1);
  }
});

test('it lies between the ops of 14 s and those of 16 s', () => {
  const arrivals = fc.array(fc.tuple(fc.nat(20_000), fc.nat(5000)), { maxLength: 40 });
  fc.assert(
    fc.property(arrivals, (list) => {
      const rate = new OpRate(START_MS);
      const counted: [atMs: number, ops: number][] = [];
      let now = START_MS;
      for (const [ops, waitMs] of list) {
        now += waitMs;
        rate.count(ops, now);
        counted.push([now, ops]);
        const within = (ms: number) => counted.reduce((sum, [at, n]) => (at > now - ms ? sum + n : sum), 0);
        const ofWindow = rate.perSecond(now) * 15;
        expect(ofWindow).toBeGreaterThanOrEqual(within(14_000) - 1e-6);
        expect(ofWindow).toBeLessThanOrEqual(within(16_001) + 1e-6);
      }
    }),
  );
});

test('a clock that goes back loses nothing', () => {
  const rate = new OpRate(START_MS);
  rate.count(15, START_MS);
  rate.count(15, START_MS - 60_000);
  expect(rate.perSecond(START_MS - 60_000)).toBe(2);
});
