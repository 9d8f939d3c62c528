/** Times at a fixed rate: one at the start, and one more whenever an interval has passed. */
export class Schedule {
  readonly #intervalMicros: number;
  #count = 0;

  constructor(perSecond: number) {
    this.#intervalMicros = 1e6 / perSecond;
  }

  /** How many it has given. */
  get count(): number {
    return this.#count;
  }

  /** Gives the times that have come and were not given yet; they and `elapsed` in whole microseconds since the start. */
  *dueBy(elapsed: number): Generator<number> {
    for (let due = this.#next(); due <= elapsed; due = this.#next()) {
      this.#count += 1;
      yield due;
    }
  }

  #next(): number {
    return Math.floor(this.#count * this.#intervalMicros);
  }
}
