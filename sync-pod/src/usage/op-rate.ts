const WINDOW_SECONDS = 15;

/** How many ops a second came in of late: over the last 15 s. */
export class OpRate {
  /** The seconds of the window and the one that has just begun, each at its number modulo their count. */
  readonly #counts = new Float64Array(WINDOW_SECONDS + 1);
  #second: number;

  constructor(nowMs: number) {
    this.#second = Math.floor(nowMs / 1000);
  }

  count(ops: number, nowMs: number): void {
    this.#advance(nowMs);
    const index = this.#second % this.#counts.length;
    this.#counts[index] = (this.#counts[index] ?? 0) + ops;
  }

  perSecond(nowMs: number): number {
    this.#advance(nowMs);
    // Of the oldest second only so much is still in the window.
    const oldest = this.#counts[(this.#second + 1) % this.#counts.length] ?? 0;
    const passed = Math.max(0, nowMs / 1000 - this.#second);
    const sum = this.#counts.reduce((total, count) => total + count, 0);
    return (sum - oldest * Math.min(1, passed)) / WINDOW_SECONDS;
  }

  /** Seconds that have passed since count from nothing. A clock that goes back stands still. */
  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const steps = Math.min(second - this.#second, this.#counts.length);
    for (let n = 0; n < steps; n += 1) this.#counts[(second - n) % this.#counts.length] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
