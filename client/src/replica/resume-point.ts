/**
 * The heads with which a client comes back to get only what it missed. A server may send one commit as several frames that all
 * carry the heads after it, and the connection may end between them. So heads count as reached only when a frame with later
 * ones came: the last commit is then repeated, which changes nothing where all of it had come.
 */
export class ResumePoint {
  #latest: readonly string[] = [];
  #reached: readonly string[] = [];

  /** The heads of the last frame. */
  get latest(): readonly string[] {
    return this.#latest;
  }

  get reached(): readonly string[] {
    return this.#reached;
  }

  /** A frame came that stands for all that is in these heads. */
  reset(heads: readonly string[]): void {
    this.#latest = heads;
    this.#reached = heads;
  }

  /** A frame of the commit that led to these heads came. */
  advance(heads: readonly string[]): void {
    if (heads.length === this.#latest.length && heads.every((head, i) => head === this.#latest[i])) return;
    this.#reached = this.#latest;
    this.#latest = heads;
  }
}
