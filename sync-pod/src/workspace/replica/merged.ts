/** All items of several sources, each of which is in order, in one order. */
export async function* merged<T>(sources: readonly AsyncGenerator<T>[], rank: (item: T) => number): AsyncGenerator<T> {
  const [only] = sources;
  if (only !== undefined && sources.length === 1) {
    yield* only;
    return;
  }
  const heads = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })));
  for (;;) {
    let least: { head: (typeof heads)[number]; item: T } | undefined;
    for (const head of heads) {
      if (head.next.done === true) continue;
      const item = head.next.value;
      if (least === undefined || rank(item) < rank(least.item)) least = { head, item };
    }
    if (least === undefined) return;
    yield least.item;
    least.head.next = await least.head.source.next();
  }
}
