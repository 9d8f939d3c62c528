import { change, clone, from, getAllChanges, getLastLocalChange, splice } from '@automerge/automerge';
import { expect, test } from '@jest/globals';
import { AutomergeStrategy } from '../../src/strategy/automerge/automerge-strategy.ts';
import { heavyWork } from '../../src/strategy/automerge/heavy-work.ts';
import { NEEDS_HISTORY } from '../../src/strategy/strategy.ts';

const NOTE = from({ text: 'abc', list: ['x'] });
const EDITED = change(clone(NOTE), (doc) => splice(doc, ['text'], 0, 1));
const record = (data: Uint8Array | undefined) => ({ data: data ?? new Uint8Array(), timestamps: [] });

test('a whole document that is made again of the same changes tells nobody anything', async () => {
  const strategy = new AutomergeStrategy('00'.repeat(16), heavyWork);
  const [first] = getAllChanges(NOTE);
  expect(await strategy.receive(record(first), 1)).toBe(NEEDS_HISTORY);
  strategy.complete(Buffer.concat(getAllChanges(NOTE)), 1);
  await strategy.receive(record(first), 1);
  expect(strategy.settle()).toEqual(expect.arrayContaining(['text', 'list']));
  strategy.dropDocument();
  strategy.complete(Buffer.concat(getAllChanges(NOTE)), 1);
  expect(strategy.settle()).toEqual([]);
  // But of more changes it does.
  strategy.dropDocument();
  const last = getLastLocalChange(EDITED);
  expect(await strategy.receive(record(last), 2)).toBe(NEEDS_HISTORY);
  strategy.complete(Buffer.concat(getAllChanges(EDITED)), 2);
  await strategy.receive(record(last), 2);
  expect(strategy.settle()).toContain('text');
  expect(strategy.get('text')?.json).toBe('"bc"');
});
