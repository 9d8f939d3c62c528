/**
 * Lets through `rate` a second on average, and `burst` at once. A batch passes as long as anything is left, and what it takes
 * beyond that is waited for: so none is too large to ever pass.
 */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** @param rate a second; infinite: no limit */
  constructor(rate: number, burst: number, nowMs: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = nowMs;
  }

  /** Takes `count`, or nothing where nothing is left. */
  take(count: number, nowMs: number): boolean {
    if (this.#rate === Number.POSITIVE_INFINITY) return true;
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= count;
    return true;
  }

  /** Milliseconds until something can be taken again. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    return Math.max(0, Math.ceil(((1 - this.#tokens) / this.#rate) * 1000));
  }

  #refill(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#at) / 1000;
    this.#at = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + seconds * this.#rate);
  }
}
