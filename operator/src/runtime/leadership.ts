import { setTimeout as sleep } from 'node:timers/promises';

export interface LeadershipOptions {
  /** When the request was sent that got the lease, in milliseconds of the monotonic clock. */
  readonly acquiredAt: number;
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
  readonly renew: () => Promise<'renewed' | 'failed' | 'taken'>;
  readonly release: () => Promise<void>;
}

/**
 * A lease that is held and renewed, until it is released or lost. A renewal counts from when it was sent, which is before
 * others can have seen it: so the holder stops before anybody else begins, however slow the API server is.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #ending = new AbortController();
  readonly #renewing: Promise<void>;
  #heldUntil: number;
  #markLost: (reason: string) => void = () => {};
  /** Resolves with the reason when it was lost; never after a release. Whoever acts must stop at once. */
  readonly lost = new Promise<string>((resolve) => {
    this.#markLost = resolve;
  });

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#heldUntil = options.acquiredAt + options.renewDeadlineMs;
    this.#renewing = this.#renew();
  }

  /** Whether acting is allowed now: false also where the process has slept, and could not yet be told that it lost. */
  get isHeld(): boolean {
    return !this.#ending.signal.aborted && performance.now() < this.#heldUntil;
  }

  /** Gives the lease up, so that another one need not wait for its end. Whoever acted must have stopped before. */
  async release(): Promise<void> {
    const wasHeld = this.isHeld;
    this.#ending.abort();
    await this.#renewing;
    if (wasHeld) await this.#options.release();
  }

  async #renew(): Promise<void> {
    const { retryMs, renewDeadlineMs, renew } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await sleep(retryMs, undefined, { signal }).catch(() => {}); // released: the loop ends
      if (signal.aborted) return;
      const sentAt = performance.now();
      const deadline = new AbortController();
      const outcome = await Promise.race([
        renew(),
        sleep(Math.max(0, this.#heldUntil - sentAt), 'late' as const, { signal: deadline.signal }),
      ]);
      deadline.abort();
      if (outcome === 'taken') return this.#lose('another process holds the lease');
      // What comes after the deadline comes too late, even if it is a success.
      if (performance.now() >= this.#heldUntil) {
        return this.#lose(`the lease could not be renewed for ${renewDeadlineMs} ms`);
      }
      if (outcome === 'renewed') this.#heldUntil = sentAt + renewDeadlineMs;
    }
  }

  #lose(reason: string): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#markLost(reason);
  }
}
