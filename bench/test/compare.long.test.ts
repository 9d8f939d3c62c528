import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runBench } from './run-bench.ts';

const compare = (...args: string[]) => runBench('compare', ...args);

test('contenders are measured with the same load: nothing is lost, and everything is acked and comes', async () => {
  const results = await mkdtemp(join(tmpdir(), 'etherply-compare-'));
  const args = ['--only', 'small-saturated', '--contender', 'floor', 'etherply', 'sync-server'];
  const { code, stdout } = await compare(...args, '--rounds', '1', '--seconds', '1', '--json', '--results', results);
  const { contenders, workloads, bounds } = JSON.parse(stdout);
  expect(contenders.map(({ name }: { name: string }) => name)).toEqual(['floor', 'etherply', 'sync-server']);
  expect(contenders[1].guarantees).toMatchObject({ durable: 'yes', synced: true });
  const [{ name, results: measured }] = workloads;
  expect(name).toBe('small-saturated');
  for (const [n, contender] of ['floor', 'etherply', 'sync-server'].entries()) {
    expect(measured[n].contender).toBe(contender);
    // On a machine that does other things, too, that one may be late.
    if (contender !== 'sync-server') expect(measured[n].figures).toMatchObject({ lost: 0, disordered: 0, closed: 0 });
    expect(measured[n].figures.opsPerSecond).toBeGreaterThan(0);
    expect(measured[n].figures.serverCpuPerOp).toBeGreaterThan(0);
    expect(measured[n].figures.ackP50).toBeLessThanOrEqual(measured[n].figures.ackP999);
    expect(measured[n].figures.deliveryP50).toBeLessThanOrEqual(measured[n].figures.deliveryP999);
  }
  expect(bounds).toContainEqual(expect.objectContaining({ name: 'small-saturated, ops/s', unit: '× floor' }));
  expect(code).toBe(bounds.every(({ met }: { met: boolean }) => met) ? 0 : 1);
  expect((await readdir(results)).toSorted()).toEqual(['latest.json', 'latest.md', 'latest.svg']);
  await rm(results, { recursive: true });
});

test('a workload or a contender that there is not is refused', async () => {
  for (const args of [
    ['--only', 'nothing'],
    ['--contender', 'nobody'],
  ]) {
    const { code, stdout, stderr } = await compare(...args);
    expect(stderr).toMatch(/Allowed choices are/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  }
});
