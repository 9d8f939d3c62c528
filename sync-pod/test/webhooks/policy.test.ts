import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { retryDelayMs } from '../../src/webhooks/backoff.ts';
import { Fifo } from '../../src/webhooks/fifo.ts';
import { outcomeOfAnswer, outcomeOfError } from '../../src/webhooks/outcome.ts';

test.each([200, 201, 202, 204, 299])('%i is a delivery', (status) => {
  expect(outcomeOfAnswer(status, null)).toEqual({ kind: 'delivered' });
});

test.each([400, 401, 404, 410, 413, 422, 499])('%i is a no', (status) => {
  expect(outcomeOfAnswer(status, '1')).toEqual({ kind: 'refused', reason: `http_${status}` });
});

test.each([301, 302, 304, 307, 408, 425, 429, 500, 502, 503, 504, 599])('%i may pass', (status) => {
  expect(outcomeOfAnswer(status, null)).toEqual({ kind: 'failed', reason: `http_${status}`, retryAfterMs: 0 });
});

test.each([
  ['0', 0],
  ['17', 17_000],
  ['-1', 0],
  ['1.5', 0],
  ['', 0],
  ['Wed, 21 Oct 2026 07:28:00 GMT', 0],
])('Retry-After: %s', (header, retryAfterMs) => {
  expect(outcomeOfAnswer(503, header)).toEqual({ kind: 'failed', reason: 'http_503', retryAfterMs });
});

test('the reason of a request without an answer is what Node says, whatever it throws', () => {
  const failed = (reason: string) => ({ kind: 'failed', reason, retryAfterMs: 0 });
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  expect(outcomeOfError(new TypeError('fetch failed', { cause: refused }))).toEqual(failed('ECONNREFUSED'));
  expect(outcomeOfError(new DOMException('late', 'TimeoutError'))).toEqual(failed('timeout'));
  expect(outcomeOfError(new TypeError('fetch failed'))).toEqual(failed('network'));
  expect(outcomeOfError(undefined)).toEqual(failed('network'));
});

test('a delay is what the jitter makes of its bound, and never below what the receiver asked for', () => {
  const backoff = fc.record({ firstRetryMs: fc.nat(10_000), lastRetryMs: fc.nat(100_000) });
  const attempt = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 5000 }));
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(backoff, attempt, fc.nat(), random, (bounds, attempts, retryAfterMs, jitter) => {
      const delay = retryDelayMs(bounds, attempts, retryAfterMs, jitter);
      const asked = Math.min(retryAfterMs, bounds.lastRetryMs);
      let bound = bounds.firstRetryMs;
      for (let n = 1; n < attempts && bound < bounds.lastRetryMs; n += 1) bound *= 2;
      expect(delay).toBeCloseTo(Math.max(asked, jitter * Math.min(bound, bounds.lastRetryMs)), 6);
    }),
  );
});

test('the bounds double from the first to the last', () => {
  const backoff = { firstRetryMs: 500, lastRetryMs: 60_000 };
  const bounds = [1, 2, 3, 4, 5, 6, 7].map((attempts) => retryDelayMs(backoff, attempts, 0, 1));
  expect(bounds).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000]);
  expect(retryDelayMs(backoff, 8, 0, 1)).toBe(60_000);
  expect(retryDelayMs(backoff, 8, 0, 0)).toBe(0);
});

test('a queue gives back what it got, in this order, whatever is taken in between', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), (adds) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      for (const [n, add] of adds.entries()) {
        if (add) {
          fifo.add(n);
          model.push(n);
        } else expect(fifo.take()).toBe(model.shift());
      }
      for (const n of model) expect(fifo.take()).toBe(n);
      expect(fifo.take()).toBeUndefined();
    }),
  );
});
