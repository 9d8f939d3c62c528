import { expect, test } from '@jest/globals';
import { chartOf } from '../../src/report/chart.ts';
import { workload } from './results.ts';

test('bars are as long as their figures, and what has none has no bar', () => {
  const svg = chartOf([
    workload('small', {
      floor: { opsPerSecond: 2000 },
      etherply: { opsPerSecond: 1000 },
      peer: undefined,
      stuck: { opsPerSecond: Number.POSITIVE_INFINITY },
    }),
  ]);
  const widths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths).toHaveLength(2);
  expect(widths[0]).toBeCloseTo(2 * (widths[1] ?? 0), 0);
  expect(svg).toContain('Clients that write &amp; read');
  expect(svg).not.toContain('peer');
  expect(svg).not.toContain('stuck');
});

test('a workload that nobody was measured with is left out', () => {
  expect(chartOf([workload('small', { floor: undefined })])).not.toContain('Clients');
});
