import type { Patch, Trace } from './trace.ts';

/** Transactions of one agent that follow each other, to be typed in one change. */
export interface TypingRun {
  /** Who types it, by the number in the trace. */
  readonly agent: number;
  /** Places of the runs whose merge it edits; none where it edits the start. */
  readonly parents: readonly number[];
  readonly patches: readonly Patch[];
}

interface OpenRun extends TypingRun {
  readonly patches: Patch[];
  transactions: number;
}

/**
 * Cuts a trace into runs of at most so many transactions, in an order in which a run comes after those that it needs. What somebody
 * else builds on is the end of a run.
 */
export function typingRuns(trace: Trace, most: number): TypingRun[] {
  const transactions = trace.kind === 'concurrent' ? trace.txns : trace.txns.map(inSequence);
  const children = new Map<number, number>();
  for (const parent of transactions.flatMap(({ parents }) => parents)) {
    children.set(parent, (children.get(parent) ?? 0) + 1);
  }
  const runs: OpenRun[] = [];
  const runOf: number[] = [];
  for (const { agent, parents, patches } of transactions) {
    const parentRuns = parents.map((parent) => {
      const run = runOf[parent];
      if (run === undefined) throw new RangeError(`transaction ${runOf.length} comes before its parent ${parent}`);
      return run;
    });
    const [only, ...others] = parents;
    const [place = -1] = parentRuns;
    const run = runs[place];
    const goesOn = only !== undefined && others.length === 0 && children.get(only) === 1;
    if (goesOn && run?.agent === agent && run.transactions < most) {
      run.patches.push(...patches);
      run.transactions += 1;
      runOf.push(place);
    } else {
      runOf.push(runs.length);
      runs.push({ agent, parents: parentRuns, patches: [...patches], transactions: 1 });
    }
  }
  return runs;
}

function inSequence<T>(transaction: T, place: number): T & { agent: number; parents: number[] } {
  return { ...transaction, agent: 0, parents: place === 0 ? [] : [place - 1] };
}
