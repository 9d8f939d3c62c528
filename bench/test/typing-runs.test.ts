import { expect, test } from '@jest/globals';
import type { ConcurrentTrace, Patch, SequentialTrace } from '../src/trace.ts';
import { typingRuns } from '../src/typing-runs.ts';

const patch = (letter: string): Patch => [0, 0, letter];

function sequential(letters: string): SequentialTrace {
  const txns = Array.from(letters, (letter) => ({ patches: [patch(letter)] }));
  return { kind: 'sequential', startContent: '', endContent: '', txns };
}

function concurrent(...txns: [agent: number, parents: number[], letter: string][]): ConcurrentTrace {
  const all = txns.map(([agent, parents, letter]) => ({ agent, parents, patches: [patch(letter)] }));
  return { kind: 'concurrent', endContent: '', txns: all };
}

const shown = (runs: ReturnType<typeof typingRuns>) =>
  runs.map(({ agent, parents, patches }) => [agent, parents, patches.map(([, , text]) => text).join('')]);

test('one who writes alone has runs of the length that is allowed', () => {
  expect(shown(typingRuns(sequential('abcde'), 2))).toEqual([
    [0, [], 'ab'],
    [0, [0], 'cd'],
    [0, [1], 'e'],
  ]);
});

test('what two build on is the end of a run, as is what another one goes on from', () => {
  const trace = concurrent(
    [0, [], 'a'],
    [0, [0], 'b'],
    [0, [1], 'c'],
    [1, [1], 'd'],
    [0, [2], 'e'],
    [1, [3, 4], 'f'],
    [1, [5], 'g'],
  );
  expect(shown(typingRuns(trace, 100))).toEqual([
    [0, [], 'ab'],
    [0, [0], 'ce'],
    [1, [0], 'd'],
    [1, [2, 1], 'fg'],
  ]);
});

test('a transaction that comes before what it needs is refused', () => {
  expect(() => typingRuns(concurrent([0, [], 'a'], [1, [2], 'b'], [0, [0], 'c']), 1)).toThrow(/before its parent 2/);
});
