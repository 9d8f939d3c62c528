const HASH_BYTES = 32;
const FIRST_CAPACITY = 16;

/**
 * The heads that clients may still come back with: for each of the last records its hash, and whether it was the only
 * head, so that everything before it was known to whoever had it. 33 bytes a record, bounded.
 */
export class KnownHeads {
  #hashes = Buffer.alloc(FIRST_CAPACITY * HASH_BYTES);
  #positions: number[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Remembers `hash` as the only head after the record at `position`. */
  add(hash: string, position: number): void {
    if (this.#positions.length >= this.#limit * 2) this.#dropOldest();
    const at = this.#positions.length * HASH_BYTES;
    if (at === this.#hashes.length) this.#hashes = Buffer.concat([this.#hashes, Buffer.alloc(at)]);
    this.#hashes.write(hash, at, 'hex');
    this.#positions.push(position);
  }

  /** The position after which `hash` was the only head, or undefined where it is not known to have been. */
  positionOf(hash: string): number | undefined {
    const wanted = Buffer.from(hash, 'hex');
    if (wanted.length !== HASH_BYTES) return undefined;
    const end = this.#positions.length * HASH_BYTES;
    for (let at = this.#hashes.indexOf(wanted); at !== -1 && at < end; at = this.#hashes.indexOf(wanted, at + 1)) {
      if (at % HASH_BYTES === 0) return this.#positions[at / HASH_BYTES];
    }
    return undefined;
  }

  /** The position before which no heads are known; infinite where none are. */
  oldestPosition(): number {
    return this.#positions[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Each hash with its position, oldest first: what `add` takes. */
  entries(): [hash: string, position: number][] {
    return this.#positions.map((position, i) => [
      this.#hashes.toString('hex', i * HASH_BYTES, (i + 1) * HASH_BYTES),
      position,
    ]);
  }

  #dropOldest(): void {
    this.#positions = this.#positions.slice(this.#limit);
    this.#hashes.copyWithin(0, this.#limit * HASH_BYTES);
  }
}
