import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as decoding from 'lib0/decoding';
import * as Y from 'yjs';
import { eachSet, encodeFirstSet, encodeSet } from '../../src/protocols/yjs-update.ts';

const CLIENT = 1_000_000_007;
const values = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 20 });

/** What Yjs itself sends when a client sets its key to each of these in turn. */
function updatesOfYjs(client: number, key: string, numbers: readonly number[]): Uint8Array[] {
  const doc = new Y.Doc();
  doc.clientID = client;
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  for (const value of numbers) doc.getMap('data').set(key, value);
  return updates;
}

function setsOf(update: Uint8Array): [number, number][] {
  const sets: [number, number][] = [];
  eachSet(decoding.createDecoder(update), (client, value) => sets.push([client, value]));
  return sets;
}

test('an update is, byte for byte, the one that Yjs makes', () => {
  fc.assert(
    fc.property(values, (numbers) => {
      const own = numbers.map((value, clock) =>
        clock === 0
          ? encodeFirstSet({ client: CLIENT, clock }, 'key-7', value)
          : encodeSet({ client: CLIENT, clock }, value),
      );
      expect(own).toEqual(updatesOfYjs(CLIENT, 'key-7', numbers));
    }),
  );
});

test('a document is filled with texts', () => {
  const doc = new Y.Doc();
  for (const clock of [0, 1, 2]) {
    Y.applyUpdate(doc, encodeFirstSet({ client: CLIENT, clock }, `filled-${clock}`, 'x'.repeat(1000)));
  }
  expect(Object.keys(doc.getMap('data').toJSON())).toEqual(['filled-0', 'filled-1', 'filled-2']);
});

test('each write is found in what a server sends: as it came, or merged with those of others', () => {
  fc.assert(
    fc.property(values, values, (some, others) => {
      const updates = [...updatesOfYjs(CLIENT, 'key-0', some), ...updatesOfYjs(CLIENT + 1, 'key-1', others)];
      const expected = [
        ...some.map((value) => [CLIENT, value]),
        ...others.map((value) => [CLIENT + 1, value]),
      ].toSorted();
      expect(updates.flatMap(setsOf).toSorted()).toEqual(expected);
      expect(setsOf(Y.mergeUpdates(updates)).toSorted()).toEqual(expected);
    }),
  );
});

test('an update of something else is not passed over', () => {
  const doc = new Y.Doc();
  doc.getText('text').insert(0, 'text');
  expect(() => setsOf(Y.encodeStateAsUpdate(doc))).toThrow(/content 4/);
});
