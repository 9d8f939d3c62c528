import {
  Counter,
  change,
  clone,
  type Doc,
  encodeChange,
  from,
  getAllChanges,
  getHeads,
  mark,
  save,
  splice,
  unmark,
} from '@automerge/automerge';
import { expect, test } from '@jest/globals';
import { automergeHistory } from '../../src/strategy/automerge/automerge-history.ts';

test('packed history has all changes, also where the library could not load what it saves of them', async () => {
  const doc = from({ text: 'abc' });
  const header = { actor: '22'.repeat(16), author: null, seq: 1, startOp: 9, time: 0, message: 'of nothing' };
  const deletion = { action: 'del', obj: '_root', key: 'x', pred: [] };
  const odd = encodeChange({ ...header, deps: getHeads(doc), ops: [deletion] });
  const before = getAllChanges(doc);
  for (const rest of [[], [odd]]) {
    for (const history of [
      { packed: new Uint8Array(), rest: Buffer.concat([...before, ...rest]) },
      { packed: save(doc), rest: Buffer.concat(rest) },
    ]) {
      const packed = await automergeHistory.pack({ base: [], ...history });
      const records = await automergeHistory.records({ base: [], packed, rest: new Uint8Array() });
      expect(records.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(
        [...before, ...rest].map((change) => Buffer.from(change).toString('hex')),
      );
    }
  }
});

interface Note {
  title?: string;
  text: string;
  list: (number | { done: boolean })[];
  map: Record<string, unknown>;
  count: Counter;
}

const NOTE = from<Record<string, unknown>>({
  text: 'hello',
  list: [1, 2, { done: false }],
  map: { a: 1, b: { c: [1] } },
  count: new Counter(3),
}) as Doc<unknown> as Doc<Note>;

/** What history says of the last change. */
function lastOf(doc: Doc<Note>, limit = 1) {
  const rest = Buffer.concat(getAllChanges(doc));
  const [last] =
    automergeHistory.page({ base: [], packed: new Uint8Array(), rest }, { limit, before: undefined }) ?? [];
  return last;
}

const inside = (key: string, path: (string | number)[], edit: object) => ({ key, path, edit, user: null });

test.each<[string, (doc: Note) => void, object[]]>([
  ['letters', (doc) => splice(doc, ['text'], 5, 0, ' you'), [inside('text', [5], { insert: '" you"' })]],
  ['letters that are gone', (doc) => splice(doc, ['text'], 1, 3), [inside('text', [1], { remove: 3 })]],
  [
    'letters in place of others',
    (doc) => splice(doc, ['text'], 0, 2, 'J'),
    [inside('text', [0], { insert: '"J"' }), inside('text', [1], { remove: 2 })],
  ],
  ['an item', (doc) => doc.list.splice(1, 0, 7, 8), [inside('list', [1], { insert: '[7,8]' })]],
  ['an item that is gone', (doc) => doc.list.splice(0, 1), [inside('list', [0], { remove: 1 })]],
  [
    'an item with others in it',
    (doc) => doc.list.push({ done: true }),
    [inside('list', [3], { insert: '[{"done":true}]' })],
  ],
  [
    'what is deep within',
    (doc) => {
      const item = doc.list[2];
      if (typeof item === 'object') item.done = true;
    },
    [inside('list', [2, 'done'], { put: 'true' })],
  ],
  [
    'a value with others in it',
    (doc) => {
      doc.map.a = { x: [1, 'two', { three: 3 }], when: new Date(0) };
    },
    [inside('map', ['a'], { put: '{"when":"1970-01-01T00:00:00.000Z","x":[1,"two",{"three":3}]}' })],
  ],
  ['a key that is gone', (doc) => delete doc.map.b, [inside('map', ['b'], { remove: 1 })]],
  ['a count', (doc) => doc.count.increment(2), [inside('count', [], { increment: 2 })]],
  [
    'whole values, too',
    (doc) => {
      doc.title = 'new';
      splice(doc, ['text'], 0, 1);
    },
    [{ key: 'title', json: '"new"', user: null }, inside('text', [0], { remove: 1 })],
  ],
  [
    'a mark',
    (doc) => mark(doc, ['text'], { start: 1, end: 3, expand: 'none' }, 'bold', true),
    [inside('text', [1], { mark: { name: 'bold', value: true, length: 2 } })],
  ],
])('history has ops for edits inside values: %s', (_, edit, ops) => {
  expect(lastOf(change(clone(NOTE), (doc) => void edit(doc)))).toMatchObject({ ops, isTruncated: false });
});

test('history has ops for what is there from the beginning, and for a mark that is taken away', () => {
  const ops = lastOf(NOTE)?.ops.map((op) => ('json' in op ? [op.key, op.json] : op));
  expect(ops).toEqual([
    ['count', '3'],
    ['list', '[1,2,{"done":false}]'],
    ['map', '{"a":1,"b":{"c":[1]}}'],
    ['text', '"hello"'],
  ]);
  const marked = change(clone(NOTE), (doc) => mark(doc, ['text'], { start: 0, end: 5, expand: 'none' }, 'bold', true));
  const plain = change(marked, (doc) => unmark(doc, ['text'], { start: 0, end: 5, expand: 'none' }, 'bold'));
  expect(lastOf(plain)?.ops).toEqual([inside('text', [0], { mark: { name: 'bold', value: null, length: 5 } })]);
});

test('history lists a part of what is much, and says so', () => {
  const long = change(clone(NOTE), (doc) => splice(doc, ['text'], 0, 0, 'x'.repeat(60_000)));
  expect(lastOf(long)).toMatchObject({ isTruncated: false });
  const tooLong = change(clone(NOTE), (doc) => splice(doc, ['text'], 0, 0, 'x'.repeat(65_500)));
  expect(lastOf(tooLong)).toMatchObject({ ops: [], isTruncated: true });
  const huge = change(clone(NOTE), (doc) => splice(doc, ['text'], 0, 0, 'x'.repeat(70_000)));
  expect(lastOf(huge)).toMatchObject({ ops: [], isTruncated: true });
  const many = change(clone(NOTE), (doc) => {
    for (let n = 0; n < 1500; n += 1) doc.map[`k${n}`] = n;
  });
  expect(lastOf(many)).toMatchObject({ isTruncated: true });
  expect(lastOf(many)?.ops).toHaveLength(1000);
  let doc = clone(NOTE);
  for (let n = 0; n < 120; n += 1) doc = change(doc, (draft) => splice(draft, ['text'], 0, 0, 'a'));
  const rest = Buffer.concat(getAllChanges(doc));
  const page = automergeHistory.page({ base: [], packed: new Uint8Array(), rest }, { limit: 121, before: undefined });
  expect(page?.map(({ ops }) => ops.length)).toEqual([...Array(100).fill(1), ...Array(21).fill(0)]);
  expect(page?.map(({ isTruncated }) => isTruncated)).toEqual([...Array(100).fill(false), ...Array(21).fill(true)]);
});
