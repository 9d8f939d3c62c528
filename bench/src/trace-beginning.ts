import { patched } from './code-points.ts';
import type { Trace } from './trace.ts';

/** Its first transactions, until there are so many edits. */
export function beginningOf<T extends Trace>(trace: T, edits: number): T {
  let count = 0;
  const place = trace.txns.findIndex(({ patches }) => {
    count += patches.length;
    return count >= edits;
  });
  return place === -1 ? trace : { ...trace, txns: trace.txns.slice(0, place + 1) };
}

/** What the text must be in the end; undefined for the beginning of a concurrent trace, where only a merge would tell. */
export function recordedText(whole: Trace, typed: Trace): string | undefined {
  if (typed.txns.length === whole.txns.length) return whole.endContent;
  if (typed.kind === 'concurrent') return undefined;
  return patched(
    typed.startContent,
    typed.txns.flatMap(({ patches }) => patches),
  );
}
