import { change, type Doc, free, init, loadIncremental, save } from '@automerge/automerge';

type Filled = Record<string, unknown>;

/**
 * Takes in so many documents, and forgets them: from then on this process has all the memory for as many. While that of the library
 * grows, V8 is told of all of it each time, and collects garbage again and again: more than half of the CPU of clients that are new.
 * @param fill writes into a document what is in each of those that come later
 */
export function warmUp(documents: number, fill: (doc: Filled) => void): void {
  const author = change(init<Filled>(), fill);
  const bytes = save(author);
  const taken: Doc<Filled>[] = [author];
  while (taken.length <= documents) taken.push(loadIncremental(init<Filled>(), bytes));
  for (const one of taken) free(one);
}
