import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BlockDocument, type BlockWrite, joinBlocks } from '../src/block-document.ts';

function apply(state: Map<string, unknown>, writes: readonly BlockWrite[]): void {
  for (const write of writes) {
    if ('value' in write) state.set(write.key, write.value);
    else state.delete(write.key);
  }
}

const text = fc.stringMatching(/^[ab\n😀]*$/u);

test('what a block editor writes amounts to the text, whatever is spliced', () => {
  fc.assert(
    fc.property(text, fc.array(fc.tuple(fc.nat(50), fc.nat(10), text), { maxLength: 30 }), (content, splices) => {
      const document = new BlockDocument(content);
      const points = Array.from(content);
      const state = new Map<string, unknown>();
      apply(state, document.writes());
      for (const [at, many, inserted] of splices) {
        const position = Math.min(at, points.length);
        const deleted = Math.min(many, points.length - position);
        points.splice(position, deleted, ...inserted);
        apply(state, document.splice(position, deleted, inserted));
        expect(joinBlocks(state)).toBe(points.join(''));
      }
      expect(state.size).toBe(points.join('').split('\n').length + 1);
    }),
  );
});

test('a keystroke within a line writes just its block, under the id that it had', () => {
  const document = new BlockDocument('one\ntwo');
  const [, second] = document.writes();
  expect(document.splice(7, 0, '!')).toEqual([{ key: second?.key, value: 'two!' }]);
});
