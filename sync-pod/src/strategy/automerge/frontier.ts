import { createHash } from 'node:crypto';
import { z } from 'zod';
import { KnownHeads } from '../known-heads.ts';

const KNOWN_HEADS = 1024;
/** A change that has not come for so many records is taken to have been in already, longer ago than is remembered. */
const PATIENCE_RECORDS = 4096;

const positions = z.array(z.tuple([z.string(), z.int()]));
export const frontierForm = z.object({
  tips: z.array(z.string()),
  heads: z.array(z.string()),
  missing: positions,
  known: positions,
  others: positions,
});

/**
 * The changes that no other depends on, and the heads that clients may still come back with. A change takes effect though one
 * that it depends on has not come: other replicas that have the same tips may have more then. So the heads are the tips only as
 * long as nothing is missing, and otherwise a hash of what came before and the change that came last.
 */
export class Frontier {
  readonly #known = new KnownHeads(KNOWN_HEADS);
  /** Changes that are in and were never the only head. */
  readonly #others = new KnownHeads(KNOWN_HEADS);
  /** Changes that others depend on and that have not come, with the position of the first of those. */
  readonly #missing = new Map<string, number>();
  #tips: readonly string[] = [];
  #heads: readonly string[] = [];

  /** What the next change depends on, in order. */
  get tips(): readonly string[] {
    return this.#tips;
  }

  /** Names what is in; in order. */
  get heads(): readonly string[] {
    return this.#heads;
  }

  /** Nothing is missing that a change depends on: the heads are those of Automerge. */
  get isWhole(): boolean {
    return this.#missing.size === 0 && this.#heads.join() === this.#tips.join();
  }

  /** The heads that there would be after one more change, which depends on all tips. */
  headsWith(hash: string): readonly string[] {
    return this.#headsAfter(hash, [hash]);
  }

  /** A change with these dependencies is in. Who has the heads that this makes has all up to the record at `position`. */
  advance(hash: string, deps: readonly string[], position: number): void {
    for (const dep of deps) if (!this.#isIn(dep) && !this.#missing.has(dep)) this.#missing.set(dep, position);
    const rest = this.#tips.filter((tip) => !deps.includes(tip));
    // One that others depend on is no tip, though it comes after them.
    this.#tips = this.#missing.delete(hash) ? rest : [...rest, hash].sort();
    this.#heads = this.#headsAfter(hash, this.#tips);
    this.#giveUp(position); // from the next change on, so that these heads are those that were planned
    const key = keyOf(this.#heads);
    this.#known.add(key, position);
    if (key !== hash) this.#others.add(hash, position);
  }

  /** The position after which there is what somebody with these heads may not have; undefined where that is not known. */
  positionOf(heads: readonly string[]): number | undefined {
    if (heads.length === 0) return 0;
    // Who has several has at least what each of them stands for.
    const known = [keyOf(heads), ...heads].flatMap((key) => this.#known.positionOf(key) ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  /** The position before which no heads are known; infinite where none are. */
  oldestPosition(): number {
    return this.#known.oldestPosition();
  }

  /** What `restore` takes. */
  entries(): z.infer<typeof frontierForm> {
    return {
      tips: [...this.#tips],
      heads: [...this.#heads],
      missing: [...this.#missing],
      known: this.#known.entries(),
      others: this.#others.entries(),
    };
  }

  restore({ tips, heads, missing, known, others }: z.infer<typeof frontierForm>): void {
    this.#tips = tips;
    this.#heads = heads;
    for (const [hash, position] of missing) this.#missing.set(hash, position);
    for (const [key, position] of known) this.#known.add(key, position);
    for (const [hash, position] of others) this.#others.add(hash, position);
  }

  #headsAfter(hash: string, tips: readonly string[]): readonly string[] {
    if (this.#missing.size === 0) return tips;
    return [sha256(`incomplete ${[...this.#heads, hash].join()}`)];
  }

  #isIn(hash: string): boolean {
    if (this.#tips.includes(hash)) return true;
    return [this.#known, this.#others].some((some) => some.positionOf(hash) !== undefined);
  }

  #giveUp(position: number): void {
    for (const [hash, since] of this.#missing) {
      if (since + PATIENCE_RECORDS > position) return;
      this.#missing.delete(hash);
    }
  }
}

/** One name for several heads. */
function keyOf(heads: readonly string[]): string {
  const [only = ''] = heads;
  return heads.length === 1 ? only : sha256([...heads].sort().join());
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
