/** How much this pod holds that the stream does not have yet. */
export class UnpublishedBudget {
  readonly #maxBytes: number;
  #bytes = 0;
  #records = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get records(): number {
    return this.#records;
  }

  /** No more may come until the stream takes some. */
  get isExhausted(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#records += 1;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    this.#records -= 1;
  }
}
