import { LIMITS } from '@etherply/protocol';
import { type ChangeSummary, partsOf } from './change-summary.ts';

/** An object of the document. */
export interface KnownObject {
  /** How deep it is; 0 where nobody sees it. */
  readonly depth: number;
  /** It is a list or a text. */
  readonly isSequence: boolean;
}

/** What changes are held against. */
export interface Known {
  /** The actor of this process. */
  readonly actor: string;
  /** The number of the last change of an actor that is in; 0: none. */
  seq(actor: string): number;
  /** The counter that the next op of an actor has at least. */
  nextOp(actor: string): number;
  /** Whether a change is in, and has its effect. */
  has(hash: string): boolean;
  /** As `has`; or it may be, where some wait for others. */
  mayHave(hash: string): boolean;
  /** Undefined where there is none. */
  objectOf(id: string): KnownObject | undefined;
  /** Where an op writes, as a change that was looked at not long ago has said; undefined: who knows? */
  recentPlaceOf(id: string): string | undefined;
  /** Whether a key has a value that this op has written; false where it is not known without looking far. */
  hasValue(object: string, key: string, id: string): boolean;
}

/** What is wrong where an op of a change replaces what is not where it writes. */
export const MISPLACED = 'a change replaces an op that is not where it writes';

/** Looks at changes that a client brings together, one after the other, before any of them is taken in. */
export class Judgement {
  readonly #known: Known;
  readonly #objects = new Map<string, KnownObject>([['_root', { depth: 0, isSequence: false }]]);
  /** Those that have been looked at: they will be in. */
  readonly #hashes = new Set<string>();
  readonly #actors = new Map<string, { seq: number; nextOp: number }>();
  /** Where those that have been looked at write, by the ids of their ops. */
  readonly #places = new Map<string, string>();
  readonly #doubtful = new Set<string>();

  constructor(known: Known) {
    this.#known = known;
  }

  /** Of those that have been looked at: whether all that they replace is where they say only the library can tell. */
  get doubtful(): ReadonlySet<string> {
    return this.#doubtful;
  }

  /**
   * What is wrong with the next one, in words for who made the client; null: it cannot be judged, for something is missing.
   * The library does not check what it takes in: a change that names what is not there leaves it with a document that it cannot load.
   */
  judge(change: ChangeSummary): string | undefined | null {
    const { actor, seq, hash } = change;
    const isIn = seq <= this.#known.seq(actor);
    if (isIn && !this.#known.mayHave(hash)) return 'a change has the actor and number of another one';
    if (!isIn && actor === this.#known.actor) return 'a change says that the server made it';
    const newProblem = isIn ? undefined : (this.#placeProblem(change) ?? this.#replacementProblem(change));
    const problem = newProblem ?? this.#objectProblem(change);
    if (problem !== undefined) return problem;
    this.#hashes.add(hash);
    if (!isIn) this.#actors.set(actor, { seq, nextOp: change.startOp + change.opCount });
    return undefined;
  }

  /** Whether it stands where it can, among the changes before it. Of one that waits for another that is not known yet. */
  #placeProblem({ actor, seq, startOp, deps, named }: ChangeSummary): string | undefined {
    const last = this.#actors.get(actor) ?? { seq: this.#known.seq(actor), nextOp: this.#known.nextOp(actor) };
    if (startOp < last.nextOp) return 'a change numbers its ops as an earlier one of its actor does';
    if (!deps.every((dep) => this.#hashes.has(dep) || this.#known.has(dep))) return undefined;
    if (seq !== last.seq + 1) return 'a change does not follow the last one of its actor';
    const unknown = named.find((id) => {
      const { counter, actor: of } = partsOf(id);
      return counter >= startOp || counter >= (this.#actors.get(of)?.nextOp ?? this.#known.nextOp(of));
    });
    return unknown === undefined ? undefined : 'a change names an op that is not there';
  }

  /** What an op replaces is to be where it writes itself: the library takes in anything, and has another document after a restart. */
  #replacementProblem({ hash, replacements }: ChangeSummary): string | undefined {
    const { written, replaced, isOdd } = replacements;
    if (isOdd) return MISPLACED;
    for (const { id, object, key, place } of replaced) {
      const at = this.#places.get(id);
      if (at !== undefined && at !== place) return MISPLACED;
      if (
        at === place ||
        this.#known.recentPlaceOf(id) === place ||
        (key !== undefined && this.#known.hasValue(object, key, id))
      )
        continue;
      this.#doubtful.add(hash);
    }
    for (const [id, place] of written) this.#places.set(id, place);
    return undefined;
  }

  #objectProblem({ rootKeys, made, uses }: ChangeSummary): string | undefined | null {
    if (!rootKeys.every(isKey)) return `a key of the root map has 1 to ${LIMITS.keyBytes} bytes`;
    for (const { id, parent, isSequence } of made) {
      const within = this.#objectOf(parent);
      if (within === undefined) return null;
      if (within.depth >= LIMITS.valueDepth) return `a value nests deeper than ${LIMITS.valueDepth} levels`;
      this.#objects.set(id, { depth: within.depth + 1, isSequence });
    }
    for (const { object, hasKeys, hasElements } of uses) {
      const used = this.#objectOf(object);
      if (used === undefined) return null;
      if (used.isSequence ? hasKeys : hasElements) return 'a change takes a map for a list, or a list for a map';
    }
    return undefined;
  }

  #objectOf(id: string): KnownObject | undefined {
    const known = this.#objects.get(id) ?? this.#known.objectOf(id);
    if (known !== undefined) this.#objects.set(id, known);
    return known;
  }
}

function isKey(key: string): boolean {
  return key !== '' && Buffer.byteLength(key) <= LIMITS.keyBytes;
}
