import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeWrites } from '../../src/strategy/automerge/change.ts';
import { type ChangeOp, type ReadChange, readChange } from '../../src/strategy/automerge/change-reader.ts';
import { header, json, writes } from './arbitrary-changes.ts';

const anyNumber = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger(), fc.constant(-0));

/** What the library reads, without what it says of JSON values besides. */
function readByLibrary(bytes: Uint8Array): ReadChange {
  const { actor, seq, startOp, time, message, deps, hash, ops } = Automerge.decodeChange(bytes);
  return { actor, seq, startOp, time, message, deps, hash, ops: ops.map(plain) };
}

function plain({ action, obj, key, elemId, insert, value, pred }: ChangeOp): ChangeOp {
  const place = key === undefined ? { obj, elemId: elemId ?? '', insert: insert ?? false } : { obj, key };
  return action === 'set' ? { action, ...place, value: value ?? null, pred } : { action, ...place, pred };
}

interface Document extends Record<string, unknown> {
  list: unknown[];
  text: string;
  count: Automerge.Counter;
}

/** A plain string would be a text. */
const string = fc.string({ unit: 'grapheme' }).map((text) => new Automerge.ImmutableString(text));
const scalar = fc.oneof(anyNumber, string, fc.boolean(), fc.constant(null));
const value = fc.oneof(
  scalar,
  fc.array(scalar),
  fc.dictionary(fc.constantFrom('x', 'y', 'ключ'), fc.array(scalar), { noNullPrototype: true }),
);

const jsonEdit = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.constantFrom('a', 'b', 'c'), value }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.constantFrom('a', 'b', 'c') }),
  fc.record({ kind: fc.constant('push' as const), value }),
  fc.record({ kind: fc.constant('remove' as const), at: fc.nat(5) }),
  fc.record({ kind: fc.constant('splice' as const), at: fc.nat(5), text: fc.string({ unit: 'grapheme' }) }),
);
const otherEdit = fc.oneof(
  fc.record({ kind: fc.constant('count' as const), by: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ kind: fc.constant('date' as const), ms: fc.nat() }),
  fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 9 }) }),
);
const edits = fc.array(fc.oneof({ arbitrary: jsonEdit, weight: 9 }, { arbitrary: otherEdit, weight: 1 }), {
  maxLength: 6,
});

/** The changes of a document, each with edits of all kinds. */
const documents = fc.array(edits, { minLength: 1, maxLength: 4 }).map((changes) => {
  let doc = Automerge.from<Document>({ list: [], text: '', count: new Automerge.Counter() }, 'ab'.repeat(16));
  for (const [n, all] of changes.entries()) {
    doc = Automerge.clone(doc, { actor: `0${n}`.repeat(4) });
    doc = Automerge.change(doc, { message: `change ${n}`, time: n }, (draft) => {
      for (const edit of all) {
        if (edit.kind === 'set') draft[edit.key] = edit.value;
        else if (edit.kind === 'delete') delete draft[edit.key];
        else if (edit.kind === 'push') draft.list.push(edit.value);
        else if (edit.kind === 'remove' && edit.at < draft.list.length) draft.list.splice(edit.at, 1);
        else if (edit.kind === 'splice') {
          Automerge.splice(draft, ['text'], Math.min(edit.at, draft.text.length), 0, edit.text);
        } else if (edit.kind === 'count') draft.count.increment(edit.by);
        else if (edit.kind === 'date') draft.date = new Date(edit.ms);
        else if (edit.kind === 'bytes') draft.bytes = edit.bytes;
      }
    });
  }
  return Automerge.getAllChanges(doc);
});

/** With the hash that it says it has. */
function withChecksum(change: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(change);
  sealed.set(createHash('sha256').update(sealed.subarray(8)).digest().subarray(0, 4), 4);
  return sealed;
}

describe('a change that is read', () => {
  test('is what the library reads, where a pod has written it', () => {
    fc.assert(
      fc.property(header, writes(json(anyNumber)), (head, all) => {
        const { bytes } = encodeWrites(head, all);
        expect(readChange(bytes)).toEqual(readByLibrary(bytes));
      }),
      { numRuns: 500 },
    );
  });

  test('is what the library reads, or is left to it, where the library has written it', () => {
    let read = 0;
    let left = 0;
    fc.assert(
      fc.property(documents, (changes) => {
        for (const bytes of changes) {
          const change = readChange(bytes);
          if (change === undefined) left += 1;
          else {
            read += 1;
            expect(change).toEqual(readByLibrary(bytes));
          }
        }
      }),
      { numRuns: 100 },
    );
    // Counters, dates and bytes are not of JSON.
    expect(read).toBeGreaterThan(20);
    expect(left).toBeGreaterThan(20);
  });

  test('is what the library reads, or is left to it, whatever it says', () => {
    let read = 0;
    fc.assert(
      fc.property(header, writes(json(anyNumber)), fc.nat(), fc.nat(255), (head, all, at, byte) => {
        const { bytes } = encodeWrites(head, all);
        bytes[9 + (at % (bytes.length - 9))] = byte;
        const sealed = withChecksum(bytes);
        const change = readChange(sealed);
        if (change === undefined) return;
        read += 1;
        expect(change).toEqual(readByLibrary(sealed));
      }),
      { numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(50);
  });

  test('is left to the library where it does not fit its checksum, or is not whole', () => {
    const head = { actor: 'aa', seq: 1, startOp: 1, deps: [], time: 0, message: '' };
    const { bytes } = encodeWrites(head, [{ key: 'a', value: 1, pred: [] }]);
    expect(readChange(bytes)).toBeDefined();
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(readChange(damaged)).toBeUndefined();
      expect(readChange(bytes.subarray(0, at))).toBeUndefined();
    }
    expect(readChange(Uint8Array.from([...bytes, 0]))).toBeUndefined();
  });

  test('stands for no more ops than are read at once', () => {
    const head = { actor: 'aa', seq: 1, startOp: 1, deps: [], time: 0, message: '' };
    const { bytes } = encodeWrites(
      head,
      Array.from({ length: 1 << 12 }, () => ({ key: 'a', value: null, pred: [] })),
    );
    expect(bytes.length).toBeLessThan(100);
    expect(readChange(bytes)?.ops).toHaveLength(1 << 12);
  });
});
