import { Timer } from '../timer.ts';

export interface HeartbeatOptions {
  /** After so long without a frame the client asks whether the server is there, in milliseconds. Default 25,000. */
  readonly idleMs?: number;
  /** After so long without an answer the connection counts as lost, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

/** Finds out that the other end has gone without a word: a browser does not tell, and TCP takes many minutes. */
export class Heartbeat {
  readonly #idleMs: number;
  readonly #timeoutMs: number;
  readonly #timer = new Timer(false);

  constructor({ idleMs = 25_000, timeoutMs = 10_000 }: HeartbeatOptions) {
    this.#idleMs = idleMs;
    this.#timeoutMs = timeoutMs;
  }

  /** Something came, or is to come now: counts from here. */
  beat(ping: () => void, lost: () => void): void {
    this.#timer.start(this.#idleMs, () => {
      this.#timer.start(this.#timeoutMs, lost);
      ping();
    });
  }

  stop(): void {
    this.#timer.stop();
  }
}
