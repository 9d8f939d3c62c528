import { z } from 'zod';

/** What is in of one actor's records. Digests are 32 bytes. */
interface Progress {
  /** All up to this one are in. */
  upTo: number;
  /** The digests of those, combined. */
  sum: Uint8Array;
  /** Those that came early, with their digests. */
  readonly beyond: Map<number, Uint8Array>;
}

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
export const seenForm = z.array(z.tuple([z.string(), z.int(), bytes, z.array(z.tuple([z.int(), bytes]))]));

const DIGEST_BYTES = 32;

/**
 * Which records are in, by actor and number. As a rule those of an actor come in order; others are kept one by one. All digests
 * combined are a head: in whatever order they came, replicas with the same records have the same one.
 */
export class SeenRecords {
  readonly #actors = new Map<string, Progress>();
  #sum: Uint8Array = new Uint8Array(DIGEST_BYTES);
  #heads: readonly string[] = [];

  /** One head, or none. */
  heads(): readonly string[] {
    return this.#heads;
  }

  /** The head that there would be with one more. */
  headWith(digest: Uint8Array): string {
    return hexOf(combined(this.#sum, digest));
  }

  has(actor: string, seq: number): boolean {
    const progress = this.#actors.get(actor);
    return progress !== undefined && (seq <= progress.upTo || progress.beyond.has(seq));
  }

  /** The number of the next record of an actor. */
  next(actor: string): number {
    const progress = this.#actors.get(actor);
    return progress === undefined ? 1 : Math.max(progress.upTo, ...progress.beyond.keys()) + 1;
  }

  /** It must not be in yet. */
  add(actor: string, seq: number, digest: Uint8Array): void {
    const progress = this.#of(actor);
    progress.beyond.set(seq, digest);
    advance(progress);
    this.#sum = combined(this.#sum, digest);
    this.#heads = [hexOf(this.#sum)];
  }

  /** Whether everything is in that is in `other`. */
  covers(other: SeenRecords): boolean {
    for (const [actor, { upTo, beyond }] of other.#actors) {
      const mine = this.#actors.get(actor);
      if (mine === undefined) return false;
      if (![...beyond.keys()].every((seq) => this.has(actor, seq))) return false;
      for (let seq = mine.upTo + 1; seq <= upTo; seq += 1) if (!mine.beyond.has(seq)) return false;
    }
    return true;
  }

  /** What is in `other` is in from now on. */
  merge(other: SeenRecords): void {
    for (const [actor, { upTo, sum, beyond }] of other.#actors) {
      const mine = this.#of(actor);
      if (upTo > mine.upTo) {
        mine.upTo = upTo;
        mine.sum = sum;
      }
      for (const [seq, digest] of beyond) mine.beyond.set(seq, digest);
      advance(mine);
    }
    this.#combineAll();
  }

  /** What `restore` takes. */
  entries(): z.infer<typeof seenForm> {
    return [...this.#actors].map(([actor, { upTo, sum, beyond }]) => [actor, upTo, sum, [...beyond]]);
  }

  restore(entries: z.infer<typeof seenForm>): void {
    for (const [actor, upTo, sum, beyond] of entries) this.#actors.set(actor, { upTo, sum, beyond: new Map(beyond) });
    this.#combineAll();
  }

  #of(actor: string): Progress {
    const found = this.#actors.get(actor);
    if (found !== undefined) return found;
    const progress = { upTo: 0, sum: new Uint8Array(DIGEST_BYTES), beyond: new Map() };
    this.#actors.set(actor, progress);
    return progress;
  }

  #combineAll(): void {
    this.#sum = new Uint8Array(DIGEST_BYTES);
    for (const { sum, beyond } of this.#actors.values()) {
      for (const digest of [sum, ...beyond.values()]) this.#sum = combined(this.#sum, digest);
    }
    this.#heads = this.#actors.size === 0 ? [] : [hexOf(this.#sum)];
  }
}

/** What is in beyond the last one in order may be in order by now, or before it. */
function advance(progress: Progress): void {
  const { beyond } = progress;
  for (const seq of beyond.keys()) if (seq <= progress.upTo) beyond.delete(seq);
  for (let digest = beyond.get(progress.upTo + 1); digest !== undefined; digest = beyond.get(progress.upTo + 1)) {
    progress.upTo += 1;
    progress.sum = combined(progress.sum, digest);
    beyond.delete(progress.upTo);
  }
}

/** Of two digests, or of two that are combined; the order does not matter. */
export function combined(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}

function hexOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('hex');
}
