import { expect, test } from '@jest/globals';
import { eachAtOnce } from '../src/workspaces/at-once.ts';

/** Work that takes some turns of the event loop, and is counted. */
class Counted {
  readonly done: number[] = [];
  most = 0;
  #underWay = 0;

  async work(item: number): Promise<void> {
    this.#underWay += 1;
    this.most = Math.max(this.most, this.#underWay);
    for (let turns = 0; turns < 20 + (item % 4); turns += 1) await new Promise((resolve) => setImmediate(resolve));
    this.#underWay -= 1;
    this.done.push(item);
  }

  get underWay(): number {
    return this.#underWay;
  }
}

async function* numbers(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    yield n;
  }
}

test.each([
  ['a list', (count: number) => Array.from({ length: count }, (_, n) => n)],
  ['what comes one after the other', numbers],
])('everything of %s is done, so many at once and no more', async (_, items) => {
  const counted = new Counted();
  await eachAtOnce(items(100), 8, (item) => counted.work(item));
  expect(counted.done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_unused, n) => n));
  expect(counted.most).toBe(8);
});

test('after an error nothing is begun any more, and nothing is under way when it is told of', async () => {
  const counted = new Counted();
  const failing = eachAtOnce(numbers(100), 8, async (item) => {
    await counted.work(item);
    if (item === 20) throw new Error('it is number 20');
  });
  await expect(failing).rejects.toThrow('it is number 20');
  expect(counted.underWay).toBe(0);
  expect(Math.max(...counted.done)).toBeLessThan(40);
});
