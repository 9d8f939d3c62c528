import { expect, test } from '@jest/globals';
import type { SequentialTrace } from '../src/trace.ts';
import { beginningOf, recordedText } from '../src/trace-beginning.ts';

const whole: SequentialTrace = {
  kind: 'sequential',
  startContent: '😀',
  endContent: 'as it is said',
  txns: [
    { patches: [[1, 0, 'ab']] },
    {
      patches: [
        [2, 0, 'c'],
        [0, 1, ''],
      ],
    },
    { patches: [[0, 0, 'd']] },
  ],
};

test('a beginning has whole transactions, and the text that they make', () => {
  const beginning = beginningOf(whole, 2);
  expect(beginning.txns).toEqual(whole.txns.slice(0, 2));
  expect(recordedText(whole, beginning)).toBe('acb');
  expect(recordedText(whole, beginningOf(whole, 1))).toBe('😀ab');
});

test('one that is as long as the whole has the text that is recorded', () => {
  expect(recordedText(whole, beginningOf(whole, 4))).toBe('as it is said');
  expect(recordedText(whole, beginningOf(whole, 5))).toBe('as it is said');
});

test('of a concurrent one only the whole text is known', () => {
  const txns = whole.txns.map((txn) => ({ ...txn, agent: 0, parents: [] }));
  const concurrent = { kind: 'concurrent', endContent: 'all', txns } as const;
  expect(recordedText(concurrent, concurrent)).toBe('all');
  expect(recordedText(concurrent, beginningOf(concurrent, 1))).toBeUndefined();
});
