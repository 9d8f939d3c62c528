import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Backoff } from '../src/connection/backoff.ts';

test('waits lie below a bound that doubles up to the largest, and starts again after a reset', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 40 }), (draws) => {
      let draw = 0;
      const backoff = new Backoff({ minMs: 100, maxMs: 5000 }, () => draws[draw++] ?? 0);
      const waits = draws.map(() => backoff.next());
      expect(waits).toEqual(draws.map((one, n) => one * Math.min(5000, 100 * 2 ** n)));
      expect(backoff.isFirst).toBe(false);
      backoff.reset();
      expect(backoff.isFirst).toBe(true);
    }),
  );
});
