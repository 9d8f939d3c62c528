/**
 * Two that follow each other may be so much closer, in milliseconds: what is done after each beat of something else would fall
 * behind it by a whole interval otherwise, whenever it came a little sooner than the last time.
 */
const SLACK_MS = 5;

/** Does something soon after it is asked to: at once after a rest, and about as often as once an interval while it is asked again. */
export class Pulse {
  readonly #intervalMs: () => number;
  readonly #work: () => void;
  #last = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: () => number, work: () => void) {
    this.#intervalMs = intervalMs;
    this.#work = work;
  }

  beat(): void {
    if (this.#timer !== undefined) return;
    const wait = this.#last + this.#intervalMs() - performance.now();
    if (wait <= SLACK_MS) this.#now();
    else this.#timer = setTimeout(() => this.#now(), wait);
  }

  /** Does nothing more, also of what it was asked for. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #now(): void {
    this.#timer = undefined;
    this.#last = performance.now();
    this.#work();
  }
}
