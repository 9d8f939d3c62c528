import { encodeSyncMessage } from './sync-message.ts';

interface Recent {
  readonly hash: string;
  readonly bytes: Uint8Array;
  /** Those of the document after it. */
  readonly heads: string;
}

/** So many changes are remembered, and so many bytes of them. */
const MAX_CHANGES = 1024;
const MAX_BYTES = 1 << 20;

/** The last changes of a document in their order: what is new for a peer that has had all before them. */
export class RecentChanges {
  readonly #changes: Recent[] = [];
  #bytes = 0;
  /** How many there were before the first. */
  #dropped = 0;
  readonly #hashes = new Set<string>();
  /** How many there had been when the document had these heads. */
  readonly #countAt = new Map<string, number>();
  /** The message that was made last for all peers that lack the same. */
  #made: { readonly from: number; readonly heads: string; readonly message: Uint8Array } | undefined;

  /** @param heads those of the document before all changes */
  constructor(heads: readonly string[]) {
    this.#countAt.set(heads.join(), 0);
  }

  /** How many there have been. */
  get count(): number {
    return this.#dropped + this.#changes.length;
  }

  /** @param heads those of the document with it */
  add(hash: string, bytes: Uint8Array, heads: readonly string[]): void {
    const change = { hash, bytes, heads: heads.join() };
    this.#changes.push(change);
    this.#hashes.add(hash);
    this.#countAt.set(change.heads, this.count);
    this.#bytes += bytes.length;
    while (this.#changes.length > MAX_CHANGES || this.#bytes > MAX_BYTES) this.#drop();
  }

  /** Whether it is one of those that are remembered. */
  has(hash: string): boolean {
    return this.#hashes.has(hash);
  }

  /** How many there had been when the document had these heads; undefined where that is not remembered. */
  countAt(heads: readonly string[]): number | undefined {
    return this.#countAt.get(heads.join());
  }

  /**
   * A message of the sync protocol with what a peer lacks that has the first `from`, and what it brought itself.
   * @param heads those of the document now
   * @returns undefined where that is not remembered any more
   */
  messageSince(from: number, heads: readonly string[], brought: readonly Uint8Array[]): Uint8Array | undefined {
    if (from < this.#dropped) return undefined;
    const now = heads.join();
    const isForAll = brought.length === 0;
    if (isForAll && this.#made?.from === from && this.#made.heads === now) return this.#made.message;
    const changes = this.#changes
      .slice(from - this.#dropped)
      .map(({ bytes }) => bytes)
      .filter((bytes) => !brought.some((one) => Buffer.compare(one, bytes) === 0));
    const message = encodeSyncMessage(heads, changes);
    if (isForAll) this.#made = { from, heads: now, message };
    return message;
  }

  #drop(): void {
    const gone = this.#changes.shift();
    if (gone === undefined) return;
    this.#dropped += 1;
    this.#bytes -= gone.bytes.length;
    this.#hashes.delete(gone.hash);
    for (const [heads, count] of this.#countAt) {
      if (count >= this.#dropped) break;
      this.#countAt.delete(heads);
    }
  }
}
