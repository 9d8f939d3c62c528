import { expect, test } from '@jest/globals';
import { runBench } from './run-bench.ts';

const measure = (...args: string[]) => runBench('replication', ...args);

test('a measurement is told as JSON, and the exit code says whether its bound is met', async () => {
  const { code, stdout, stderr } = await measure('--only', 'open', '--json');
  const { bounds } = JSON.parse(stdout);
  expect(bounds).toMatchObject([
    { name: 'cold open, median', limit: 300, unit: 'ms' },
    { name: 'cold open, worst', limit: 300, unit: 'ms' },
  ]);
  const [median, worst] = bounds;
  expect(median.measured).toBeGreaterThan(0);
  expect(worst.measured).toBeGreaterThanOrEqual(median.measured);
  for (const { measured, limit, met } of bounds) expect(met).toBe(measured <= limit);
  expect(code).toBe(worst.met ? 0 : 1);
  expect(stderr.match(/ms, \d+ messages read/g)).toHaveLength(5);
});

test('a measurement that there is not is refused', async () => {
  const { code, stdout, stderr } = await measure('--only', 'nothing');
  expect(stderr).toMatch(/throughput, latency, open, subscriptions/);
  expect(stdout).toBe('');
  expect(code).toBe(1);
});
