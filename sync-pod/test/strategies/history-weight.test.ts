import { change, from, getAllChanges, ImmutableString } from '@automerge/automerge';
import { expect, test } from '@jest/globals';
import { isHeavyHistory } from '../../src/strategy/automerge/history-weight.ts';

/** The changes of a document with keys that are set one after the other. */
function history(changes: number, make: (n: number) => unknown): Buffer {
  let document = from<Record<string, unknown>>({});
  for (let n = 0; n < changes; n += 1) {
    document = change(document, (doc) => {
      doc[`key-${n % 10}`] = make(n);
    });
  }
  return Buffer.concat(getAllChanges(document));
}

test('a few large changes are no heavy history, however many bytes they have', () => {
  const changes = history(100, (n) => new ImmutableString(`${n}`.repeat(10_000)));
  expect(changes.length).toBeGreaterThan(1_000_000);
  expect(isHeavyHistory(changes)).toBe(false);
});

test('many small changes are a heavy history', () => {
  expect(isHeavyHistory(history(500, (n) => n))).toBe(false);
  expect(isHeavyHistory(history(1500, (n) => n))).toBe(true);
});

test('so is a change of many ops', () => {
  expect(isHeavyHistory(history(1, () => 'a'.repeat(1000)))).toBe(false);
  expect(isHeavyHistory(history(1, () => 'a'.repeat(20_000)))).toBe(true);
  expect(isHeavyHistory(history(1, () => 'a'.repeat((1 << 20) + 1)))).toBe(true);
});

test('what cannot be read is left to the library', () => {
  const changes = history(3, (n) => n);
  expect(isHeavyHistory(changes.subarray(0, -1))).toBe(false);
  expect(isHeavyHistory(Buffer.alloc(0))).toBe(false);
});
