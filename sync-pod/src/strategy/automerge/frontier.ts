import { createHash } from 'node:crypto';
import { KnownHeads } from '../known-heads.ts';

const KNOWN_HEADS = 1024;
/** So many changes that others depend on, and that may not have come yet, are remembered. */
const MAX_NAMED = 1024;

/** The changes that no other depends on, and those that clients may still come back with. */
export class Frontier {
  readonly #known = new KnownHeads(KNOWN_HEADS);
  /** Changes that others depend on and that were no heads then: most are in long since, some have not come yet. */
  readonly #named = new Set<string>();
  #heads: readonly string[] = [];

  /** In order. */
  get heads(): readonly string[] {
    return this.#heads;
  }

  /** A change with these dependencies is in, as of the record at `position`. */
  advance(hash: string, deps: readonly string[], position: number): void {
    for (const dep of deps) if (!this.#heads.includes(dep)) this.#name(dep);
    const rest = this.#heads.filter((head) => !deps.includes(head));
    // One that others depend on is no head, though it comes after them.
    this.#heads = this.#named.delete(hash) ? rest : [...rest, hash].sort();
    this.#known.add(keyOf(this.#heads), position);
  }

  /** The position after which there is what somebody with these heads may not have; undefined where that is not known. */
  positionOf(heads: readonly string[]): number | undefined {
    if (heads.length === 0) return 0;
    // Who has several has at least what each of them stands for. Not more than when there were these heads first: what they
    // depend on may have come after them.
    const known = [keyOf(heads), ...heads].flatMap((key) => this.#known.positionOf(key) ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  /** The position before which no heads are known; infinite where none are. */
  oldestPosition(): number {
    return this.#known.oldestPosition();
  }

  /** What `restore` takes. */
  entries() {
    return { heads: [...this.#heads], named: [...this.#named], known: this.#known.entries() };
  }

  restore({ heads, named, known }: ReturnType<Frontier['entries']>): void {
    this.#heads = heads;
    for (const hash of named) this.#named.add(hash);
    for (const [key, position] of known) this.#known.add(key, position);
  }

  #name(hash: string): void {
    if (this.#known.positionOf(hash) !== undefined) return; // it is in
    this.#named.add(hash);
    const [oldest] = this.#named;
    if (this.#named.size > MAX_NAMED && oldest !== undefined) this.#named.delete(oldest);
  }
}

/** One name for several heads. */
function keyOf(heads: readonly string[]): string {
  const [only = ''] = heads;
  return heads.length === 1
    ? only
    : createHash('sha256')
        .update([...heads].sort().join())
        .digest('hex');
}
