import { EtherPlyError, textOf } from '../error.ts';
import { Timer } from '../timer.ts';

/** A token, or what gives a valid one each time it is asked. */
export type Token = string | (() => string | Promise<string>);

/** A token is renewed so long before its end, or when a fifth of its time is left where that is later. */
const LEAD_MS = 30_000;
/** A clock that goes wrong must not make a client ask without a pause. */
const MIN_WAIT_MS = 1000;

export class TokenSource {
  readonly #token: Token;
  readonly #timer = new Timer(false);

  constructor(token: Token) {
    this.#token = token;
  }

  get renewable(): boolean {
    return typeof this.#token === 'function';
  }

  /** @throws EtherPlyError `token_failed` */
  async get(): Promise<string> {
    try {
      return typeof this.#token === 'function' ? await this.#token() : this.#token;
    } catch (cause) {
      throw new EtherPlyError('token_failed', textOf(cause), { cause });
    }
  }

  /** Calls `renew` in time before the token ends. @param expiresAt Unix seconds; null: never */
  expires(expiresAt: number | null, renew: () => void): void {
    this.stop();
    if (expiresAt === null || !this.renewable) return;
    const left = expiresAt * 1000 - Date.now();
    this.#timer.start(Math.max(left - LEAD_MS, left * 0.8, MIN_WAIT_MS), renew);
  }

  stop(): void {
    this.#timer.stop();
  }
}
