/** Which records of each actor are in. As a rule they come in order; those that came early are kept one by one. */
export class SeenRecords {
  readonly #upTo = new Map<string, number>();
  readonly #beyond = new Map<string, Set<number>>();

  has(actor: string, seq: number): boolean {
    return seq <= this.lastInOrder(actor) || (this.#beyond.get(actor)?.has(seq) ?? false);
  }

  /** All records of the actor up to this one are in. */
  lastInOrder(actor: string): number {
    return this.#upTo.get(actor) ?? 0;
  }

  add(actor: string, seq: number): void {
    let last = this.lastInOrder(actor);
    if (seq !== last + 1) {
      const early = this.#beyond.get(actor) ?? new Set();
      this.#beyond.set(actor, early.add(seq));
      return;
    }
    const early = this.#beyond.get(actor);
    for (last = seq; early?.delete(last + 1); last += 1);
    this.#upTo.set(actor, last);
    if (early?.size === 0) this.#beyond.delete(actor);
  }

  /** Each actor with its last record in order, and those beyond: what the constructor's `rows` take. */
  entries(): [actor: string, upTo: number, beyond: number[]][] {
    const actors = new Set([...this.#upTo.keys(), ...this.#beyond.keys()]);
    return [...actors].map((actor) => [actor, this.lastInOrder(actor), [...(this.#beyond.get(actor) ?? [])]]);
  }

  restore(rows: readonly (readonly [string, number, readonly number[]])[]): void {
    for (const [actor, upTo, beyond] of rows) {
      this.#upTo.set(actor, upTo);
      if (beyond.length > 0) this.#beyond.set(actor, new Set(beyond));
    }
  }
}
