import {
  Counter,
  change,
  clone,
  decodeChange,
  from,
  getAllChanges,
  getChanges,
  getHeads,
  getObjectId,
  init,
  merge,
} from '@automerge/automerge';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AutomergeStrategy } from '../../src/strategy/automerge/automerge-strategy.ts';
import { heavyWork } from '../../src/strategy/automerge/heavy-work.ts';
import { oddChange } from '../repo-sync/raw-client.ts';

const ONE = '11'.repeat(16);
const BASE = from({ a: 1, b: 2, text: 'abc', map: { x: 1, y: 2 }, list: [1, 2] }, { actor: ONE });
const [FIRST = new Uint8Array()] = getAllChanges(BASE);
const { ops: OPS } = decodeChange(FIRST);
const [MAP, LIST, TEXT] = ['map', 'list', 'text'].map((key) => getObjectId(BASE, key) ?? '');
const idOf = (key: string) => `${OPS.findIndex((op) => op.key === key) + 1}@${ONE}`;
const elementsOf = (object: string | undefined) =>
  OPS.flatMap(({ obj }, i) => (obj === object ? `${i + 1}@${ONE}` : []));
const [FIRST_ITEM = '', SECOND_ITEM = ''] = elementsOf(LIST);
const [FIRST_LETTER = ''] = elementsOf(TEXT);

/** A replica that judges what it takes in, as one of a pod does. */
class Judge {
  readonly #strategy = new AutomergeStrategy('00'.repeat(16), heavyWork);

  constructor() {
    this.#strategy.complete(new Uint8Array(), 0);
  }

  /** @returns what is wrong with the changes, which are not taken then */
  async take(changes: readonly Uint8Array[]): Promise<string | null | undefined> {
    const problem = this.#strategy.judge(await this.#strategy.summarize(changes), changes);
    if (problem !== undefined) return problem;
    for (const data of changes) await this.#strategy.receive({ data, timestamps: [] }, 1);
    this.#strategy.settle();
    return undefined;
  }
}

const set = (value: object) => ({ action: 'set', value: 9, datatype: 'int', ...value });

describe('a change whose ops replace what is not where they write is refused', () => {
  test.each([
    ['of another key', set({ obj: '_root', key: 'a', pred: [idOf('b')] })],
    ['of another key, to delete it', { action: 'del', obj: '_root', key: 'a', pred: [idOf('b')] }],
    ['of a key that is not there', { action: 'del', obj: '_root', key: 'none', pred: [idOf('b')] }],
    ['of another key of a map', set({ obj: MAP, key: 'x', pred: [idOf('y')] })],
    ['of another key, too', { action: 'del', obj: '_root', key: 'a', pred: [idOf('a'), idOf('b')] }],
    ['of a map within', set({ obj: '_root', key: 'a', pred: [idOf('x')] })],
    ['of the map around', set({ obj: MAP, key: 'x', pred: [idOf('a')] })],
    ['of a text', set({ obj: '_root', key: 'a', pred: [FIRST_LETTER] })],
    ['another item of a list', set({ obj: LIST, elemId: FIRST_ITEM, pred: [SECOND_ITEM] })],
    ['another item of a list, to delete it', { action: 'del', obj: LIST, elemId: FIRST_ITEM, pred: [SECOND_ITEM] }],
    ['a letter of a text', { action: 'del', obj: LIST, elemId: FIRST_ITEM, pred: [FIRST_LETTER] }],
    ['anything, and are inserted', { ...set({ obj: LIST, elemId: FIRST_ITEM, pred: [FIRST_ITEM] }), insert: true }],
    ['nothing, and delete', { action: 'del', obj: '_root', key: 'a', pred: [] }],
    ['a number elsewhere, to count', { action: 'inc', obj: '_root', key: 'a', value: 1, pred: [idOf('b')] }],
  ])('%s', async (_, op) => {
    const bad = oddChange({ deps: getHeads(BASE), startOp: 50 }, op);
    const refusal = expect.stringMatching(/replaces an op that is not where it writes/);
    // Whether what they replace is there already, or comes along.
    const judge = new Judge();
    expect(await judge.take([FIRST])).toBeUndefined();
    expect(await judge.take([bad])).toEqual(refusal);
    expect(await new Judge().take([FIRST, bad])).toEqual(refusal);
    // What comes after it is judged by the document as it was.
    const good = change(clone(BASE), (doc) => {
      doc.a = 7;
    });
    expect(await judge.take(getChanges(BASE, good))).toBeUndefined();
  });

  test('of its own change', async () => {
    const bad = set({ obj: '_root', key: 'b', pred: [`50@${'22'.repeat(16)}`] });
    const both = oddChange({ deps: [], startOp: 50 }, set({ obj: '_root', key: 'a', pred: [] }), bad);
    expect(await new Judge().take([both])).toMatch(/replaces an op/);
  });
});

interface Doc {
  a: number;
  count: Counter;
  map: Record<string, number>;
  list: (number | Counter)[];
  text: string;
}

const edit = fc.record({
  by: fc.nat({ max: 2 }),
  what: fc.constantFrom('root', 'count', 'map', 'unmap', 'item', 'push', 'remove', 'list'),
  at: fc.nat({ max: 3 }),
  value: fc.nat({ max: 9 }),
  /** It has seen what another one did. */
  sees: fc.option(fc.nat({ max: 2 })),
  isBrought: fc.boolean(),
});

test('no change that the library makes is refused, whatever was done at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 60 }), async (edits) => {
      const start = from<Record<string, unknown>>(
        { a: 0, count: new Counter(), map: { k0: 0 }, list: [0, 1], text: 'abc' },
        { actor: ONE },
      );
      const docs = [2, 3, 4].map((n) => merge(init<Doc>({ actor: `${n}0`.repeat(16) }), start as never));
      const judge = new Judge();
      let brought = getHeads(start);
      let whole = merge(init<Doc>(), start as never);
      expect(await judge.take(getAllChanges(whole))).toBeUndefined();
      for (const { by, what, at, value, sees, isBrought } of edits) {
        let doc = docs[by] ?? init<Doc>();
        const other = sees === null ? undefined : docs[sees];
        if (other !== undefined && sees !== by) doc = merge(doc, other);
        doc = change(doc, (draft) => {
          const place = Math.min(at, draft.list.length - 1);
          if (what === 'root') draft.a = value;
          else if (what === 'count') draft.count.increment(value);
          else if (what === 'map') draft.map[`k${at}`] = value;
          else if (what === 'unmap') delete draft.map[`k${at}`];
          else if (what === 'item' && place >= 0) draft.list[place] = value;
          else if (what === 'push') draft.list.push(value);
          else if (what === 'remove' && place >= 0) draft.list.splice(place, 1);
          else if (what === 'list') draft.list = [value, value];
        });
        docs[by] = doc;
        if (!isBrought) continue;
        whole = merge(whole, doc);
        const changes = getAllChanges(whole);
        const known = new Set(brought);
        expect(await judge.take(changes.filter((one) => !known.has(decodeChange(one).hash)))).toBeUndefined();
        brought = changes.map((one) => decodeChange(one).hash);
      }
    }),
    { numRuns: 60 },
  );
});
