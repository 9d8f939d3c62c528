import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Pulse } from '../../src/repo-sync/pulse.ts';

const INTERVAL_MS = 40;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function begin(): { pulse: Pulse; beats: number[]; interval: { ms: number } } {
  const beats: number[] = [];
  const interval = { ms: INTERVAL_MS };
  const beat = () => beats.push(performance.now());
  return { pulse: new Pulse(() => interval.ms, beat), beats, interval };
}

describe('a pulse', () => {
  test('beats at once where the last time is long ago, and otherwise once for all that ask meanwhile', () => {
    const { pulse, beats, interval } = begin();
    pulse.beat();
    expect(beats).toHaveLength(1);
    for (let n = 0; n < 100; n += 1) pulse.beat();
    jest.advanceTimersByTime(INTERVAL_MS - 1);
    expect(beats).toHaveLength(1);
    jest.advanceTimersByTime(1);
    expect(beats).toHaveLength(2);
    interval.ms = 0;
    pulse.beat();
    expect(beats).toHaveLength(3);
  });

  test('beats no more once it is stopped', () => {
    const [stopped, other] = [begin(), begin()];
    for (const { pulse } of [stopped, other]) {
      pulse.beat();
      pulse.beat();
    }
    stopped.pulse.stop();
    jest.advanceTimersByTime(INTERVAL_MS);
    expect(other.beats).toHaveLength(2);
    expect(stopped.beats).toHaveLength(1);
  });
});
