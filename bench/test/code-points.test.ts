import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inUtf16, patched } from '../src/code-points.ts';
import type { Patch } from '../src/trace.ts';

const text = fc.string({ unit: 'binary' });

test('a patch in UTF-16 does to a string what it does in code points', () => {
  fc.assert(
    fc.property(text, text, fc.nat(20), fc.nat(20), (before, inserted, one, other) => {
      const length = Array.from(before).length;
      const position = Math.min(one, length);
      const patch: Patch = [position, Math.min(other, length - position), inserted];
      const [start, units, letters] = inUtf16(patch, before);
      expect(before.slice(0, start) + letters + before.slice(start + units)).toBe(patched(before, [patch]));
    }),
  );
});

test('a position behind the end is refused', () => {
  expect(() => inUtf16([1, 1, ''], '😀')).toThrow(/no position/);
});
