import type { Replacements } from './replaced-ops.ts';

const MAX_OPS = 1024;
/** What a change has more of is not remembered: it would take the place of all that others have written. */
const MAX_OF_CHANGE = 128;

/** Where the last ops write, so that for a change which replaces them it takes no look at the document. */
export class RecentPlaces {
  /** By the id of the op, in the order in which they came. */
  readonly #places = new Map<string, string>();

  add({ written }: Replacements): void {
    if (written.size > MAX_OF_CHANGE) return;
    for (const [id, place] of written) this.#places.set(id, place);
    for (const id of this.#places.keys()) {
      if (this.#places.size <= MAX_OPS) return;
      this.#places.delete(id);
    }
  }

  /** Undefined where it is not known. */
  of(id: string): string | undefined {
    return this.#places.get(id);
  }
}
