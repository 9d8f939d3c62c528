import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from '../../src/runtime/backoff.ts';

test.each([
  [1, 100, 50],
  [2, 200, 100],
  [5, 1_000, 500],
  [2_000, 1_000, 500],
])('after %i failures the wait is up to %i ms and at least %i ms', (failures, most, least) => {
  const options = { minMs: 100, maxMs: 1_000 };
  expect(backoffMs(options, failures, () => 1)).toBe(most);
  expect(backoffMs(options, failures, () => 0)).toBe(least);
});

test('no wait is longer than the longest or shorter than half of the first', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const ms = backoffMs({ minMs: 10, maxMs: 5_000 }, failures + 1, () => random);
      expect(ms).toBeGreaterThanOrEqual(5);
      expect(ms).toBeLessThanOrEqual(5_000);
    }),
  );
});
