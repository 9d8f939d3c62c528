/** How long work may hold the event loop at a time, in milliseconds. */
const SLICE_MS = 8;

/** Long work on the event loop, cut into slices between which everything else goes on. */
export class Slices {
  #since = performance.now();

  /** To be awaited after each step: lets the event loop go on where the slice has been used up. */
  async next(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
