/** How far ahead of the server a client's clock may be; more is taken for an error of that clock. */
const MAX_AHEAD_US = 60_000_000;

/**
 * A hybrid logical clock: wall time that never runs behind what has been seen.
 * After Kulkarni and others, "Logical Physical Clocks", 2014; the count is kept with each key.
 */
export class HybridClock {
  readonly #maxAgeUs: number;
  #latest = 0;

  /** @param maxAgeMs older writes count as this old: what they would have lost to may be forgotten by then */
  constructor(maxAgeMs: number) {
    this.#maxAgeUs = maxAgeMs * 1000;
  }

  get latest(): number {
    return this.#latest;
  }

  /** The time of a write for which its client says `timestamp`; without one, after everything seen. */
  timeOf(timestamp: number | undefined, nowMs: number): number {
    const now = nowMs * 1000;
    if (timestamp === undefined) return Math.max(now, this.#latest);
    return Math.min(Math.max(timestamp, now - this.#maxAgeUs), now + MAX_AHEAD_US);
  }

  /** A write with this time has happened. */
  saw(timestamp: number): void {
    this.#latest = Math.max(this.#latest, timestamp);
  }

  /** Deletions from before this time may be forgotten. */
  horizon(nowMs: number): number {
    return nowMs * 1000 - this.#maxAgeUs;
  }
}
