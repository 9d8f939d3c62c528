/** The longest time that `setTimeout` can wait; it fires at once for more. */
const MAX_MS = 2 ** 31 - 1;

/** A timeout of which there is one at a time. */
export class Timer {
  readonly #keepsAlive: boolean;
  #timeout: ReturnType<typeof setTimeout> | undefined;

  /** @param keepsAlive whether a Node process waits for it */
  constructor(keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
  }

  start(ms: number, act: () => void): void {
    this.stop();
    const timeout = setTimeout(act, Math.min(ms, MAX_MS));
    this.#timeout = timeout;
    if (!this.#keepsAlive && typeof timeout === 'object') timeout.unref();
  }

  stop(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }
}
