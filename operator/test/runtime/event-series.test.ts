import { expect, test } from '@jest/globals';
import { EventSeries, type Occurrence } from '../../src/runtime/event-series.ts';
import { configMap } from './config-map.ts';

const OPTIONS = { windowMs: 1_000, burst: 2, refillMs: 500, limit: 3 };

function occurrence(note: string, name = 'thing'): Occurrence {
  return { regarding: configMap('default', name, {}), type: 'Normal', reason: 'Tried', action: 'Try', note };
}

test('the same thing within the window is counted, each time from the last one on', () => {
  const series = new EventSeries(OPTIONS);
  const counts = [0, 900, 1_800, 2_800].map((now) => series.add(occurrence('a'), now)?.count);
  expect(counts).toEqual([1, 2, 3, 1]);
});

test('new things about an object are let through as far as its burst goes, and then as it fills again', () => {
  const series = new EventSeries(OPTIONS);
  const isTold = (note: string, now: number) => series.add(occurrence(note), now) !== undefined;
  expect([isTold('a', 0), isTold('b', 0), isTold('c', 0)]).toEqual([true, true, false]);
  expect(series.add(occurrence('c', 'another'), 0)).toBeDefined();
  expect([isTold('d', 499), isTold('e', 501), isTold('f', 502)]).toEqual([false, true, false]);
});

test('what happens again is counted however much is new', () => {
  const series = new EventSeries(OPTIONS);
  for (const note of ['a', 'b', 'c']) series.add(occurrence(note), 0);
  expect(series.add(occurrence('a'), 1)?.count).toBe(2);
});

test('only so many things are kept in mind, those that happened last', () => {
  const series = new EventSeries(OPTIONS);
  for (const name of ['a', 'b', 'a', 'c', 'd']) series.add(occurrence('x', name), 0);
  expect(series.add(occurrence('x', 'a'), 1)?.count).toBe(3);
  expect(series.add(occurrence('x', 'b'), 1)?.count).toBe(1);
});
