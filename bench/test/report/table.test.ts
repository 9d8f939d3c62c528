import { expect, test } from '@jest/globals';
import { atMost } from '../../src/bound.ts';
import { tablesOf } from '../../src/report/table.ts';
import { contender, workload } from './results.ts';

test('the table says what was measured, what was not and why, and which bounds are met', () => {
  const text = tablesOf({
    at: '2026-01-02T03:04:05.000Z',
    machine: '2 cores',
    contenders: [contender('etherply', 'on disk')],
    workloads: [
      workload('small', {
        etherply: { opsPerSecond: 12_345.6, deliveryP99: 1.26 },
        peer: undefined,
        slow: { opsPerSecond: 10, deliveryP99: Number.POSITIVE_INFINITY, keepsUp: 0, lost: 3 },
      }),
    ],
    bounds: [atMost(3, 'CPU an op', 2.5, '× floor'), atMost(3, 'memory', 4, 'KiB')],
  });
  expect(text).toContain('2026-01-02 03:04 UTC, 2 cores');
  expect(text).toMatch(/\| etherply +\| +12,346 \| +1\.3 \|/);
  expect(text).toMatch(/\| peer +\| +– \| +– \|/);
  expect(text).toMatch(/\| slow +\| +10 \| +– \|/);
  expect(text).toContain('- peer: it has no such thing.');
  expect(text).toMatch(/- slow: does not keep up.*; 3 writes had not been acked/);
  expect(text).toMatch(/CPU an op +\| +2\.50 \| +3\.00 \| × floor +\| met/);
  expect(text).toMatch(/memory +\| +4\.00 \| +3\.00 \| KiB +\| MISSED/);
});
