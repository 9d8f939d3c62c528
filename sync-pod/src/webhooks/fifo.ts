/** First in, first out. Unlike `Array.shift`, taking is O(1) (amortized) for any length. */
export class Fifo<T> {
  #incoming: T[] = [];
  /** The next one is last. */
  #outgoing: T[] = [];

  add(item: T): void {
    this.#incoming.push(item);
  }

  /** Takes the one that was added first of those that are left. */
  take(): T | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.reverse();
      this.#incoming = [];
    }
    return this.#outgoing.pop();
  }

  clear(): void {
    this.#incoming = [];
    this.#outgoing = [];
  }
}
