/** Times at a fixed rate: one at the start, and one more whenever an interval has passed. */
export class Schedule {
  readonly #intervalMicros: number;
  #count = 0;

  constructor(perSecond: number) {
    this.#intervalMicros = 1e6 / perSecond;
  }

  /** Gives the times that have come and were not given yet, numbered from 0; they and `elapsed` in whole microseconds since the start. */
  *dueBy(elapsed: number): Generator<{ readonly n: number; readonly due: number }> {
    for (;;) {
      const [n, due] = [this.#count, Math.floor(this.#count * this.#intervalMicros)];
      if (due > elapsed) return;
      this.#count += 1;
      yield { n, due };
    }
  }
}
