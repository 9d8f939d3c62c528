interface Acks {
  readonly ids: readonly string[];
  /** Of ops, those without an id included. */
  readonly count: number;
  readonly heads: readonly string[];
}

/** Acks that go out as one frame. */
export class PendingAcks {
  #ids: string[] = [];
  #count = 0;
  #heads: readonly string[] = [];

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** A message of so many ops was committed; `heads` are those after it. */
  add(id: string | undefined, ops: number, heads: readonly string[]): void {
    if (id !== undefined) this.#ids.push(id);
    this.#count += ops;
    this.#heads = heads;
  }

  take(): Acks {
    const acks = { ids: this.#ids, count: this.#count, heads: this.#heads };
    this.#ids = [];
    this.#count = 0;
    return acks;
  }
}
