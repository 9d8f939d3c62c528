/**
 * Does some work for each item, for so many at once.
 * @param limit at least 1
 * @throws the first error; then what is under way has ended, and the rest is left
 */
export async function eachAtOnce<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const shared = all(items);
  const workers = Array.from({ length: limit }, async () => {
    // The first that fails ends it for the others, too.
    for await (const item of shared) await work(item);
  });
  const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function* all<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* items;
}
