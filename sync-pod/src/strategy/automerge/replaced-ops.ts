import type { DecodedChange } from '@automerge/automerge';

type DecodedOp = DecodedChange['ops'][number] & { key?: string; elemId?: string; insert?: boolean };

/** An op of an earlier change that one replaces, and the place in the document that this one writes to. */
export interface ReplacedOp {
  readonly id: string;
  readonly object: string;
  /** Of a map; undefined where it is an element of a list or a text. */
  readonly key: string | undefined;
  readonly place: string;
}

/** Which ops the ops of a change replace, as they say. */
export interface Replacements {
  /** Where the change writes values that a later one may replace: the places by the ids of the ops. */
  readonly written: ReadonlyMap<string, string>;
  /** What it replaces of earlier changes; without elements of lists that nobody has written to since they were inserted. */
  readonly replaced: readonly ReplacedOp[];
  /** An op replaces what cannot be where it writes, whatever else there is in the document. */
  readonly isOdd: boolean;
}

/** Of more no later change can be judged by them: it takes a look at the document. */
const MAX_WRITTEN = 4096;

/** @param startOp the counter of the first op */
export function replacementsOf(ops: readonly DecodedOp[], startOp: number, actor: string): Replacements {
  const own = new Map<string, string>();
  const replaced: ReplacedOp[] = [];
  let isOdd = false;
  for (const [i, { action, obj, key, elemId, insert, pred }] of ops.entries()) {
    // The library keeps no deletion of nothing, and so cannot give the change back.
    if (insert === true ? pred.length > 0 : action === 'del' && pred.length === 0) isOdd = true;
    if (insert === true) continue;
    const place = `${obj} ${key ?? elemId}`;
    for (const id of pred) {
      if (id === elemId) continue;
      const at = own.get(id);
      if (at === undefined) replaced.push({ id, object: obj, key, place });
      else if (at !== place) isOdd = true;
    }
    if (action === 'set' || action.startsWith('make')) own.set(`${startOp + i}@${actor}`, place);
  }
  return { written: own.size > MAX_WRITTEN ? new Map() : own, replaced, isOdd };
}
