import * as Automerge from '@automerge/automerge';
import type { Json } from '@etherply/protocol';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeWrites, encodeWrites, opCount, type RootWrite } from '../../src/strategy/automerge/change.ts';
import type { ChangeHeader } from '../../src/strategy/automerge/change-draft.ts';
import { header, json, readExactly, writes } from './arbitrary-changes.ts';

/** What the library makes of the same writes. */
function libraryChange(head: ChangeHeader, all: readonly RootWrite[]): Uint8Array {
  const ops: object[] = [];
  const nextId = () => `${head.startOp + ops.length}@${head.actor}`;
  const write = (place: object, value: Json | undefined): void => {
    const obj = nextId();
    if (value === undefined) ops.push({ action: 'del', ...place });
    else if (Array.isArray(value)) {
      ops.push({ action: 'makeList', ...place });
      let elemId = '_head';
      for (const item of value) {
        const id = nextId();
        write({ obj, pred: [], insert: true, elemId }, item);
        elemId = id;
      }
    } else if (typeof value === 'object' && value !== null) {
      ops.push({ action: 'makeMap', ...place });
      for (const [key, item] of Object.entries(value)) write({ obj, key, pred: [] }, item);
    } else {
      const isInt = Number.isInteger(value) && Math.abs(Number(value)) < Number.MAX_SAFE_INTEGER;
      const datatype = typeof value !== 'number' ? {} : { datatype: isInt ? 'int' : 'float64' };
      ops.push({ action: 'set', ...place, value, ...datatype });
    }
  };
  for (const { key, value, pred } of all) write({ obj: '_root', key, pred: [...pred] }, value);
  const decoded = Reflect.apply(Automerge.encodeChange, undefined, [
    { ...head, author: null, deps: [...head.deps], ops },
  ]);
  return decoded;
}

describe('a change', () => {
  test('has the bytes and the hash that the library gives it', () => {
    fc.assert(
      fc.property(header, writes(json(readExactly)), (head, all) => {
        const { bytes, hash } = encodeWrites(head, all);
        expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(libraryChange(head, all)).toString('hex'));
        expect(Automerge.decodeChange(bytes).hash).toBe(hash);
      }),
      { numRuns: 1000 },
    );
  });

  test('says the values that were written, floats to the last bit', () => {
    const float = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(header, writes(json(float)), (head, all) => {
        const { change, writes: read } = decodeWrites(encodeWrites(head, all).bytes);
        expect(read?.map(({ key, json: text, pred }) => ({ key, text, pred }))).toEqual(
          all.map(({ key, value, pred }) => ({
            key,
            text: value === undefined ? undefined : JSON.stringify(value),
            pred,
          })),
        );
        expect(change.opCount).toBe(all.reduce((sum, { value }) => sum + opCount(value), 0));
      }),
      { numRuns: 500 },
    );
  });

  test('is what the library makes again of a document that has been saved and loaded', () => {
    fc.assert(
      fc.property(header, writes(json(fc.double({ noNaN: true, noDefaultInfinity: true }))), (head, all) => {
        const { bytes, hash } = encodeWrites(
          { ...head, seq: 1, startOp: 1, deps: [] },
          all.map((write) => ({ ...write, pred: [] })).filter(({ value }) => value !== undefined),
        );
        const [doc] = Automerge.applyChanges(Automerge.init(), [bytes]);
        const loaded = Automerge.load(Automerge.save(doc));
        expect(Automerge.getHeads(loaded)).toEqual([hash]);
        expect(Automerge.getAllChanges(loaded).map((change) => Automerge.decodeChange(change).hash)).toEqual([hash]);
      }),
      { numRuns: 200 },
    );
  });

  test('is right also where it is large', () => {
    const all = Array.from({ length: 3000 }, (_, i) => ({ key: `key ${i % 7}`, value: 'é'.repeat(i % 300), pred: [] }));
    const head = { actor: 'aa'.repeat(16), seq: 1, startOp: 1, deps: [], time: 0, message: '' };
    expect(Buffer.from(encodeWrites(head, all).bytes).equals(libraryChange(head, all))).toBe(true);
  });
});
