/**
 * Whether the stream is the one that this pod has met before, where it no longer has the messages that would tell. Until that
 * is known nothing may go by the numbers of its messages: after a loss they may be those of others.
 */
export class StreamComparison {
  #session = 0;
  #isSame: boolean | undefined;

  /** Another one after each interruption: what was under way in an earlier one has to begin again. */
  get session(): number {
    return this.#session;
  }

  /** Undefined: it has not been compared yet. */
  get isSame(): boolean | undefined {
    return this.#isSame;
  }

  /** The stream cannot be reached, and may be another one when it can. */
  interrupted(): void {
    this.#session += 1;
    this.#isSame = undefined;
  }

  /** @param session the one in which it was compared; where it is over, that counts for nothing */
  found(session: number, isSame: boolean): void {
    if (session === this.#session) this.#isSame = isSame;
  }
}
