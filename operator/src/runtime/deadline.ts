/** A signal that is aborted when nothing has happened for so long, or together with another signal. To be cleared after use. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #abort = () => this.#controller.abort(this.#outer?.reason);

  /** @param reason why it is aborted then */
  constructor(ms: number, reason: string, outer?: AbortSignal) {
    this.#outer = outer;
    this.#timer = setTimeout(() => this.#controller.abort(new Error(reason)), ms);
    // In Node.js 20, AbortSignal.any and AbortSignal.timeout together may be collected before they are aborted.
    if (outer?.aborted) this.#abort();
    else outer?.addEventListener('abort', this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The time begins anew. */
  refresh(): void {
    this.#timer.refresh();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }
}
