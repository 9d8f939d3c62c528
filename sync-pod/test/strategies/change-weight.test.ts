import { deflateRawSync } from 'node:zlib';
import { decodeChange, from, getAllChanges, ImmutableString } from '@automerge/automerge';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkWeight, isHeavy, TooLargeError } from '../../src/strategy/automerge/change-weight.ts';

function changeOf(content: Record<string, unknown>): Uint8Array {
  const [change] = getAllChanges(from(content));
  if (change === undefined) throw new Error('there is a change');
  return change;
}

/** As the container has it that is read by the library alone; the checksum is not looked at. */
function compressed(content: Uint8Array): Uint8Array {
  const deflated = deflateRawSync(content);
  const length = [];
  for (let left = deflated.length; ; left = Math.floor(left / 128)) {
    length.push(left < 128 ? left : (left % 128) | 0x80);
    if (left < 128) break;
  }
  return Buffer.concat([Buffer.alloc(8), Buffer.from([2, ...length]), deflated]);
}

test('a change is heavy from 4096 ops and predecessors on, however few its bytes', () => {
  const text = fc.integer({ min: 1, max: 12_000 }).map((length) => 'a'.repeat(length));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 2 }), (texts) => {
      const change = changeOf(Object.fromEntries(texts.entries()));
      const ops = decodeChange(change).ops.reduce((sum, { pred }) => sum + 1 + pred.length, 0);
      expect(isHeavy(change)).toBe(ops >= 4096 || change.length >= 32 * 1024);
      checkWeight(change);
    }),
    { numRuns: 30 },
  );
});

test('one of many bytes is heavy, and is taken', () => {
  const change = changeOf({ text: new ImmutableString('x'.repeat(100_000)) });
  expect(isHeavy(change)).toBe(true);
  checkWeight(change);
});

test('more ops than anybody makes at once are too large', () => {
  const change = changeOf({ text: 'a'.repeat((1 << 20) + 1) });
  expect(isHeavy(change)).toBe(true);
  expect(() => checkWeight(change)).toThrow(TooLargeError);
  expect(() => checkWeight(compressed(change.subarray(12)))).toThrow(TooLargeError);
});

test('what is small only as long as it is compressed is too large', () => {
  const bomb = compressed(Buffer.alloc(65 << 20));
  expect(bomb.length).toBeLessThan(1 << 20);
  expect(isHeavy(bomb)).toBe(true);
  expect(() => checkWeight(bomb)).toThrow(TooLargeError);
});
