/** Long work on the event loop, cut into slices between which everything else goes on. */
export class Slices {
  readonly #sliceMs: number;
  #since = performance.now();

  /** @param sliceMs how long it may hold the event loop at a time, in milliseconds; shorter where nobody waits for the work */
  constructor(sliceMs = 8) {
    this.#sliceMs = sliceMs;
  }

  /** To be awaited after each step: lets the event loop go on where the slice has been used up. */
  async next(): Promise<void> {
    if (performance.now() - this.#since < this.#sliceMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
