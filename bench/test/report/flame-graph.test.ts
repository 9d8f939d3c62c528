import { expect, test } from '@jest/globals';
import { flameGraphOf } from '../../src/report/flame-graph.ts';

const node = (id: number, functionName: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url: 'file:///app/src/work.js', lineNumber: 4 },
  children,
});

test('a frame is as wide as its time and that of what it calls, without what is idle', () => {
  const svg = flameGraphOf({
    nodes: [
      node(1, '(root)', [2, 3]),
      node(2, '(idle)'),
      node(3, 'outer', [4, 5]),
      node(4, 'inner<T>'),
      node(5, 'other'),
    ],
    samples: [2, 3, 4, 4, 5],
    timeDeltas: [10_000, 1000, 1000, 1000, 1000],
  });
  expect(svg).toContain('<title>outer src/work.js:5: 100.0 %, 4 ms</title>');
  expect(svg).toContain('<title>inner&lt;T&gt; src/work.js:5: 50.0 %, 2 ms</title>');
  expect(svg).toContain('<title>other src/work.js:5: 25.0 %, 1 ms</title>');
  expect(svg).not.toContain('idle');
});

test('a profile in which nothing ran is empty', () => {
  const svg = flameGraphOf({ nodes: [node(1, '(root)')], samples: [], timeDeltas: [] });
  expect(svg).not.toContain('<title>');
});
