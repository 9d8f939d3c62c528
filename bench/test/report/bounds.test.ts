import { expect, test } from '@jest/globals';
import { boundsOf } from '../../src/report/bounds.ts';
import { contender, workload } from './results.ts';

const contenders = [
  contender('floor', 'in memory'),
  contender('etherply', 'on disk'),
  contender('keeper', 'on disk'),
  contender('forgetter', 'in memory'),
];

test('a peer that keeps what it has must be passed by ten times, one that does not by none', () => {
  const small = workload('small-saturated', {
    floor: { opsPerSecond: 1000, serverCpuPerOp: 10 },
    etherply: { opsPerSecond: 900, serverCpuPerOp: 16 },
    keeper: { opsPerSecond: 100 },
    forgetter: { opsPerSecond: 900 },
  });
  expect(boundsOf(contenders, [small])).toMatchObject([
    { unit: '× floor', limit: 0.8, measured: 0.9, met: true },
    { unit: '× floor', limit: 1.5, measured: 1.6, met: false },
    { unit: '× keeper', limit: 10, measured: 9, met: false },
    { unit: '× forgetter', limit: 1, measured: 1, met: true },
  ]);
});

test('the slowest 1 % is held to the best peer that keeps up, loses nothing and has as much on its way', () => {
  const own = { deliveryP99: 5, keepsUp: 1, lost: 0, window: 0 };
  const measure = (others: Readonly<Record<string, object | undefined>>) =>
    boundsOf(contenders, [workload('hot', { floor: { ...own, deliveryP99: 1 }, etherply: own, ...others })]);
  const peer = { ...own, deliveryP99: 4 };
  expect(measure({ keeper: peer, forgetter: { ...peer, deliveryP99: 6 } })).toMatchObject([
    { name: 'hot, slowest 1 %', unit: 'ms (keeper)', limit: 4, measured: 5, met: false },
  ]);
  for (const unfit of [{ ...peer, keepsUp: 0 }, { ...peer, lost: 1 }, { ...peer, window: 1 }, undefined]) {
    expect(measure({ keeper: unfit, forgetter: { ...peer, deliveryP99: 6 } })).toMatchObject([
      { unit: 'ms (forgetter)', limit: 6, met: true },
    ]);
  }
});

test('what was not measured has no bound', () => {
  expect(boundsOf(contenders, [workload('hot', { etherply: undefined })])).toEqual([]);
});
