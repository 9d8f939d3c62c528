import { Encoder } from 'cbor-x';
import { z } from 'zod';
import { OneByOne } from './one-by-one.ts';

/** How far it is with a copy that a pod has asked for. */
export interface CopyAnswer {
  /** The pod that makes it: it is to be asked how far it is. */
  readonly pod: string;
  /** It is all in the stream, up to this message; null: not yet. */
  readonly upTo: number | null;
}

const cbor = new Encoder({ useRecords: false });
const form = z.tuple([z.string(), z.int().nullable()]);

/** CBOR array: pod, up to. */
export function encodeCopyAnswer({ pod, upTo }: CopyAnswer): Uint8Array {
  return cbor.encode([pod, upTo]);
}

/** @throws where the bytes are no answer */
export function decodeCopyAnswer(bytes: Uint8Array): CopyAnswer {
  const [pod, upTo] = form.parse(cbor.decode(bytes));
  return { pod, upTo };
}

interface Edge {
  /** Publishes all that is here. */
  readonly publish: () => Promise<void>;
  /** The number of the last message in the stream. */
  readonly last: () => Promise<number>;
  readonly failed: (error: unknown) => void;
}

/** Copies all that is here for pods that ask for it, one after the other. */
export class CopyService {
  readonly #pod: string;
  readonly #edge: Edge;
  /** Those that were asked for, by the name that the asking pod has given: up to where they are, once they are. */
  readonly #copies = new Map<string, number | null>();
  readonly #oneByOne = new OneByOne();

  constructor(pod: string, edge: Edge) {
    this.#pod = pod;
    this.#edge = edge;
  }

  /** Begins a copy where none of this name is under way, and says how far it is. */
  ask(name: string): CopyAnswer {
    const upTo = this.#copies.get(name);
    // One that came before it may have passed what the asking pod did not see yet.
    if (upTo === undefined) void this.#oneByOne.run(() => this.#copy(name));
    if (upTo === undefined) this.#copies.set(name, null);
    else if (upTo !== null) this.#copies.delete(name);
    return { pod: this.#pod, upTo: upTo ?? null };
  }

  async #copy(name: string): Promise<void> {
    try {
      await this.#edge.publish();
      this.#copies.set(name, await this.#edge.last());
    } catch (error) {
      this.#copies.delete(name); // it is asked for again
      this.#edge.failed(error);
    }
  }
}
