import * as Automerge from '@automerge/automerge';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeSyncMessage, encodeSyncMessage } from '../../src/strategy/automerge/sync-message.ts';

const bytes = (most: number) => fc.uint8Array({ maxLength: most });
const hashes = fc.array(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((hash) => Buffer.from(hash).toString('hex')),
  { maxLength: 4 },
);
const messages = fc.record({
  heads: hashes,
  need: hashes,
  have: fc.array(fc.record({ lastSync: hashes, bloom: fc.constant(new Uint8Array()) }), { maxLength: 2 }),
  changes: fc.array(bytes(300), { maxLength: 4 }),
});

/** A document of as many changes as there are keys. */
function documentOf(keys: readonly string[]): Automerge.Doc<Record<string, number>> {
  return keys.reduce(
    (doc, key, n) =>
      Automerge.change(doc, (content) => {
        content[key] = n;
      }),
    Automerge.init<Record<string, number>>(),
  );
}

describe('messages of the sync protocol', () => {
  test('are read as the library reads them', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const read = decodeSyncMessage(Automerge.encodeSyncMessage(message));
        expect(read.heads).toEqual(message.heads);
        expect(read.isAsking).toBe(message.need.length > 0);
        expect(read.changes.map((change) => [...change])).toEqual(message.changes.map((change) => [...change]));
      }),
    );
  });

  test('are written as the library writes them', () => {
    fc.assert(
      fc.property(hashes, fc.array(bytes(300), { maxLength: 4 }), (heads, changes) => {
        const have = [{ lastSync: heads, bloom: new Uint8Array() }];
        const theirs = Automerge.encodeSyncMessage({ heads, need: [], have, changes });
        expect([...encodeSyncMessage(heads, changes)]).toEqual([...theirs]);
      }),
    );
  });

  test('of two documents that come together are read, whatever version the library speaks', () => {
    const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 12 });
    fc.assert(
      fc.property(keys, keys, (ofOne, ofOther) => {
        const sides = [ofOne, ofOther].map((of) => ({ doc: documentOf(of), state: Automerge.initSyncState() }));
        const [one, other] = sides;
        if (one === undefined || other === undefined) throw new Error('there are two');
        for (let round = 0, isQuiet = false; !isQuiet; round += 1) {
          expect(round).toBeLessThan(20);
          isQuiet = true;
          for (const [from, to] of [[one, other] as const, [other, one] as const]) {
            const [state, message] = Automerge.generateSyncMessage(from.doc, from.state);
            from.state = state;
            if (message === null) continue;
            isQuiet = false;
            const theirs = Automerge.decodeSyncMessage(message);
            const ours = decodeSyncMessage(message);
            expect({ heads: ours.heads, isAsking: ours.isAsking }).toEqual({
              heads: theirs.heads,
              isAsking: theirs.need.length > 0,
            });
            expect(ours.changes.map((change) => [...change])).toEqual(theirs.changes.map((change) => [...change]));
            [to.doc, to.state] = Automerge.receiveSyncMessage(to.doc, to.state, message);
          }
        }
        expect(Automerge.getHeads(one.doc).toSorted()).toEqual(Automerge.getHeads(other.doc).toSorted());
      }),
      { numRuns: 30 },
    );
  });

  test('that end too early, or are something else, are refused', () => {
    const have = [{ lastSync: ['ab'.repeat(32)], bloom: new Uint8Array() }];
    const whole = Automerge.encodeSyncMessage({
      heads: ['cd'.repeat(32)],
      need: [],
      have,
      changes: [Buffer.from('abc')],
    });
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => decodeSyncMessage(whole.subarray(0, length))).toThrow();
    }
    expect(() => decodeSyncMessage(Buffer.from([0x41, 0, 0, 0, 0]))).toThrow('no message');
    // So many heads, and such a long change, as no message has.
    expect(() => decodeSyncMessage(Buffer.from([0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]))).toThrow();
    expect(() => decodeSyncMessage(Buffer.from([0x42, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]))).toThrow();
  });
});
