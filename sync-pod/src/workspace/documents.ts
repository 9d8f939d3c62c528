import { LRUCache } from 'lru-cache';

/** A workspace that may have its whole Automerge document in memory. */
export interface DocumentHolder {
  /** What its document takes in memory, about; 0 where it has none. */
  readonly documentBytes: number;
  /** Lets go of its document as soon as nobody works with it. */
  dropDocument(): void;
}

/** The whole documents in memory: when they take too much, those that have not been needed for longest go. */
export class Documents {
  readonly #maxBytes: number;
  readonly #used: LRUCache<DocumentHolder, number>;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#used = new LRUCache({
      maxSize: maxBytes,
      dispose: (_, holder, reason) => {
        if (reason === 'evict') holder.dropDocument();
      },
    });
  }

  /** What they take, about. */
  get bytes(): number {
    return [...this.#used.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** It has just been needed, and may have grown. */
  used(holder: DocumentHolder): void {
    const bytes = holder.documentBytes;
    // One that is larger than all may be is alone.
    if (bytes > 0) this.#used.set(holder, bytes, { size: Math.min(bytes, this.#maxBytes) });
    else this.#used.delete(holder);
  }

  /** It is not open any more. */
  closed(holder: DocumentHolder): void {
    this.#used.delete(holder);
  }
}
