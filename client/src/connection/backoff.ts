export interface BackoffOptions {
  /** Bound of the first wait, in milliseconds. Default 250. */
  readonly minMs?: number;
  /** Bound of all waits, in milliseconds. Default 30,000. */
  readonly maxMs?: number;
}

/**
 * How long to wait after failures in a row: a random time below a bound that doubles each time ("full jitter"), so that clients
 * that lost one server together do not come back together.
 */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor({ minMs = 250, maxMs = 30_000 }: BackoffOptions, random: () => number) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  get isFirst(): boolean {
    return this.#failures === 0;
  }

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const bound = Math.min(this.#maxMs, this.#minMs * 2 ** this.#failures);
    this.#failures += 1;
    return this.#random() * bound;
  }

  reset(): void {
    this.#failures = 0;
  }
}
