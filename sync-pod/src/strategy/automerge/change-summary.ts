import { type DecodedChange, decodeChange } from '@automerge/automerge';
import { checkWeight } from './change-weight.ts';
import { type Replacements, replacementsOf } from './replaced-ops.ts';

/** An object, as the ops of a change use it. */
export interface ObjectUse {
  readonly object: string;
  /** Some ops write to keys of it: it is to be a map. */
  readonly hasKeys: boolean;
  /** Some write to elements of it: it is to be a list or a text. */
  readonly hasElements: boolean;
}

/** What a change says, as far as it takes to judge it: little even of a large one. */
export interface ChangeSummary extends Pick<DecodedChange, 'actor' | 'seq' | 'hash' | 'startOp' | 'deps'> {
  readonly opCount: number;
  /** The names of the keys of the root map that it writes. */
  readonly rootKeys: readonly string[];
  /** The objects that it makes, each with the one that it is in. */
  readonly made: readonly { readonly id: string; readonly parent: string; readonly isSequence: boolean }[];
  readonly uses: readonly ObjectUse[];
  /** Those that its ops name and are not its own, before them. */
  readonly named: readonly string[];
  readonly replacements: Replacements;
}

type DecodedOp = DecodedChange['ops'][number] & { key?: string; elemId?: string };

/** @throws TooLargeError; something else where it is no change, or has what the library cannot read */
export function summaryOf(change: Uint8Array): ChangeSummary {
  checkWeight(change);
  const { actor, seq, hash, startOp, deps, ops } = decodeChange(change);
  const uses = new Map<string, { object: string; hasKeys: boolean; hasElements: boolean }>();
  const named = new Set<string>();
  const rootKeys = new Set<string>();
  const made: { id: string; parent: string; isSequence: boolean }[] = [];
  for (const [i, op] of ops.entries()) {
    const { obj, key, elemId, pred, action }: DecodedOp = op;
    const use = uses.get(obj) ?? { object: obj, hasKeys: false, hasElements: false };
    uses.set(obj, use);
    if (key === undefined) use.hasElements = true;
    else use.hasKeys = true;
    if (obj === '_root' && key !== undefined) rootKeys.add(key);
    const isEarlier = (id: string) => {
      const { counter, actor: of } = partsOf(id);
      return of === actor && counter >= startOp && counter < startOp + i;
    };
    for (const id of [obj, elemId, ...pred]) {
      if (id !== undefined && id !== '_root' && id !== '_head' && !isEarlier(id)) named.add(id);
    }
    if (action.startsWith('make')) {
      const isSequence = action === 'makeList' || action === 'makeText';
      made.push({ id: `${startOp + i}@${actor}`, parent: obj, isSequence });
    }
  }
  return {
    actor,
    seq,
    hash,
    startOp,
    deps,
    opCount: ops.length,
    rootKeys: [...rootKeys],
    made,
    uses: [...uses.values()],
    named: [...named],
    replacements: replacementsOf(ops, startOp, actor),
  };
}

/** What the id of an op says. */
export function partsOf(id: string): { counter: number; actor: string } {
  const at = id.indexOf('@');
  return { counter: Number(id.slice(0, at)), actor: id.slice(at + 1) };
}
