import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Handled, WorkQueue } from '../../src/runtime/work-queue.ts';
import { until } from '../control-plane/until.ts';

const BACKOFF = { minMs: 10, maxMs: 80 };

/** A handler whose calls end when a test says so. */
function manual() {
  const calls: { key: string; end: () => void; fail: (error: Error) => void }[] = [];
  const handle = (key: string) =>
    new Promise<void>((resolve, reject) => {
      calls.push({ key, end: resolve, fail: reject });
    });
  return { calls, handle, keys: () => calls.map(({ key }) => key) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a key that is added several times while it waits is handled once', async () => {
  const { calls, handle, keys } = manual();
  const queue = new WorkQueue({ handle, concurrency: 1 });
  for (const key of ['a', 'b', 'c', 'b', 'b']) queue.add(key);
  for (let done = 0; done < 3; done += 1) {
    await until(() => calls.length > done);
    calls[done]?.end();
  }
  await turn();
  expect(keys()).toEqual(['a', 'b', 'c']);
  expect(queue.depth).toBe(0);
});

test('a key that is added while it is handled is handled again after that, once', async () => {
  const { calls, handle, keys } = manual();
  const queue = new WorkQueue({ handle, concurrency: 5 });
  queue.add('a');
  await turn();
  queue.add('a');
  queue.add('a');
  await turn();
  expect(keys()).toEqual(['a']);
  calls[0]?.end();
  await turn();
  expect(keys()).toEqual(['a', 'a']);
  calls[1]?.end();
  await turn();
  expect(keys()).toEqual(['a', 'a']);
});

test('how long the first key in the queue has been waiting is known', async () => {
  const { calls, handle } = manual();
  const queue = new WorkQueue({ handle, concurrency: 1 });
  queue.add('a');
  await turn();
  expect(queue.longestWaitMs).toBe(0);
  queue.add('b');
  await until(() => queue.longestWaitMs > 20);
  calls[0]?.end();
  await turn();
  expect(queue.longestWaitMs).toBe(0);
  calls[1]?.end();
});

test('no more keys than allowed are handled at once, the first to come first', async () => {
  const { calls, handle, keys } = manual();
  const queue = new WorkQueue({ handle, concurrency: 2 });
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
  await turn();
  expect(keys()).toEqual(['a', 'b']);
  expect(queue.depth).toBe(2);
  calls[1]?.end();
  await turn();
  expect(keys()).toEqual(['a', 'b', 'c']);
});

test('a key whose handling fails comes again, later after each failure, and at once again after a success', async () => {
  const handled: Handled<string>[] = [];
  let failuresLeft = 4;
  const queue = new WorkQueue({
    concurrency: 1,
    backoff: BACKOFF,
    handle: async () => {
      failuresLeft -= 1;
      if (failuresLeft >= 0) throw new Error('not yet');
    },
    onHandled: (one) => handled.push(one),
  });
  queue.add('a');
  await until(() => handled.length === 5);
  const waits = handled.map(({ failure }) => failure?.retryMs);
  for (const [at, whole] of [10, 20, 40, 80].entries()) {
    expect(waits[at]).toBeGreaterThanOrEqual(whole / 2);
    expect(waits[at]).toBeLessThanOrEqual(whole);
  }
  expect(waits[4]).toBeUndefined();
  failuresLeft = 1;
  queue.add('a');
  await until(() => handled.length === 7);
  expect(handled[5]?.failure?.retryMs).toBeLessThanOrEqual(BACKOFF.minMs);
  expect(handled[5]?.failure?.error).toEqual(new Error('not yet'));
});

test('a key that waits after a failure is handled at once when something happens', async () => {
  const { calls, handle } = manual();
  const queue = new WorkQueue({ handle, concurrency: 1, backoff: { minMs: 60_000, maxMs: 60_000 } });
  queue.add('a');
  await turn();
  calls[0]?.fail(new Error('no'));
  await turn();
  queue.add('a');
  await turn();
  expect(calls).toHaveLength(2);
  calls[1]?.end();
  await queue.stop();
});

test('of several planned times the earliest counts', async () => {
  const { calls, handle } = manual();
  const queue = new WorkQueue({ handle, concurrency: 1 });
  queue.after('a', 60_000);
  queue.after('a', 10);
  queue.after('a', 50_000);
  await until(() => calls.length === 1);
  calls[0]?.end();
  await queue.stop();
});

test('one that is stopped ends what it handles and begins nothing more', async () => {
  const { calls, handle, keys } = manual();
  const queue = new WorkQueue({ handle, concurrency: 1 });
  queue.add('a');
  queue.add('b');
  queue.after('c', 0);
  await turn();
  const order: string[] = [];
  const stopped = queue.stop().then(() => order.push('stopped'));
  queue.add('d');
  await turn();
  order.push('ended');
  calls[0]?.end();
  await stopped;
  await turn();
  expect(order).toEqual(['ended', 'stopped']);
  expect(keys()).toEqual(['a']);
});

test('a handler that adds its own key at once is not run twice at the same time', async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const queue: WorkQueue = new WorkQueue({
    concurrency: 3,
    handle: async (key) => {
      running += 1;
      runs += 1;
      most = Math.max(most, running);
      if (runs < 3) queue.add(key);
      await turn();
      running -= 1;
    },
  });
  queue.add('a');
  await until(() => runs === 3 && running === 0);
  expect(most).toBe(1);
});

describe('for any order of events', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({ type: fc.constant('add' as const), key }),
    fc.record({ type: fc.constant('after' as const), key }),
    fc.record({ type: fc.constant('end' as const), at: fc.nat(3), fails: fc.boolean() }),
  );

  test('keys are handled one at a time each, within the bound, and nothing that was added goes unseen', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const running = new Map<string, (fails: boolean) => void>();
          /** The number of what happened last to a key, and the one that its last handling saw. */
          const happened = new Map<string, number>();
          const seen = new Map<string, number>();
          let order = 0;
          let isDraining = false;
          const queue = new WorkQueue({
            concurrency,
            backoff: { minMs: 1, maxMs: 2 },
            handle: (one) => {
              expect(running.has(one)).toBe(false);
              expect(running.size).toBeLessThan(concurrency);
              const saw = happened.get(one) ?? 0;
              return new Promise<void>((resolve, reject) => {
                const end = (fails: boolean) => {
                  running.delete(one);
                  if (fails) return reject(new Error('failed'));
                  seen.set(one, saw);
                  resolve();
                };
                if (isDraining) setImmediate(end, false);
                running.set(one, end);
              });
            },
          });
          for (const one of steps) {
            if (one.type === 'end') [...running.values()][one.at]?.(one.fails);
            else {
              order += 1;
              happened.set(one.key, order);
              if (one.type === 'add') queue.add(one.key);
              else queue.after(one.key, 1);
            }
            await turn();
          }
          isDraining = true;
          for (const end of [...running.values()]) end(false);
          await until(() => [...happened].every(([one, last]) => seen.get(one) === last), { timeoutMs: 5_000 });
          await queue.stop();
        },
      ),
      { numRuns: 200 },
    );
  });
});
