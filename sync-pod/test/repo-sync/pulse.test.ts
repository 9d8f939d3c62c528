import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Pulse } from '../../src/repo-sync/pulse.ts';

const INTERVAL_MS = 40;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function begin() {
  const interval = { ms: INTERVAL_MS };
  const work = jest.fn();
  return { pulse: new Pulse(() => interval.ms, work), work, interval };
}

describe('a pulse', () => {
  test('beats at once where the last time is long ago, and otherwise once for all that ask meanwhile', () => {
    const { pulse, work, interval } = begin();
    pulse.beat();
    expect(work).toHaveBeenCalledTimes(1);
    for (let n = 0; n < 100; n += 1) pulse.beat();
    jest.advanceTimersByTime(INTERVAL_MS - 1);
    expect(work).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(1);
    expect(work).toHaveBeenCalledTimes(2);
    interval.ms = 0;
    pulse.beat();
    expect(work).toHaveBeenCalledTimes(3);
  });

  test('beats no more once it is stopped', () => {
    const [stopped, other] = [begin(), begin()];
    for (const { pulse } of [stopped, other]) {
      pulse.beat();
      pulse.beat();
    }
    stopped.pulse.stop();
    jest.advanceTimersByTime(INTERVAL_MS);
    expect(other.work).toHaveBeenCalledTimes(2);
    expect(stopped.work).toHaveBeenCalledTimes(1);
  });
});
