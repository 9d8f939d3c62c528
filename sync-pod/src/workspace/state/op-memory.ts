import { crc32 } from 'node:zlib';
import { Encoder } from 'cbor-x';
import { z } from 'zod';

const CHUNK_ROWS = 1000;
const cbor = new Encoder({ useRecords: false });
const chunkForm = z.object({
  generation: z.enum(['older', 'recent']),
  since: z.number(),
  rows: z.array(z.tuple([z.string(), z.int()])),
});

/**
 * Remembers the ids of ops for at least `memoryMs`, so that a resend takes effect once. Two generations, the older of which
 * is dropped whole: no timer and no entry by entry clean-up.
 */
export class OpMemory {
  readonly #memoryMs: number;
  #recent = new Map<string, number>();
  #older = new Map<string, number>();
  #recentSince = 0;

  constructor(memoryMs: number) {
    this.#memoryMs = memoryMs;
  }

  remember(user: string, id: string, fingerprint: number, nowMs: number): void {
    if (nowMs - this.#recentSince > this.#memoryMs) {
      this.#older = nowMs - this.#recentSince > 2 * this.#memoryMs ? new Map() : this.#recent;
      this.#recent = new Map();
      this.#recentSince = nowMs;
    }
    this.#recent.set(nameOf(user, id), fingerprint);
  }

  /** All that is remembered, in chunks that are made when they are asked for, of what there is at the call. */
  snapshot(): Iterable<Uint8Array> {
    return encodeGenerations([...this.#older], [...this.#recent], this.#recentSince);
  }

  /** Takes in a chunk of a snapshot; all of them in order, before anything else. */
  restore(chunk: Uint8Array): void {
    const { generation, since, rows } = chunkForm.parse(cbor.decode(chunk));
    const ids = generation === 'recent' ? this.#recent : this.#older;
    this.#recentSince = since;
    for (const [name, fingerprint] of rows) ids.set(name, fingerprint);
  }

  /** Takes in a chunk of another pod's snapshot, besides what is remembered already. */
  merge(chunk: Uint8Array): void {
    for (const [name, fingerprint] of chunkForm.parse(cbor.decode(chunk)).rows) this.#recent.set(name, fingerprint);
  }

  /** The fingerprint of the op that this user sent under this id, where it is remembered. */
  recall(user: string, id: string): number | undefined {
    const name = nameOf(user, id);
    return this.#recent.get(name) ?? this.#older.get(name);
  }
}

function* encodeGenerations(older: [string, number][], recent: [string, number][], since: number) {
  for (const [generation, rows] of Object.entries({ older, recent })) {
    for (let i = 0; i < rows.length; i += CHUNK_ROWS) {
      yield cbor.encode({ generation, since, rows: rows.slice(i, i + CHUNK_ROWS) });
    }
  }
}

function nameOf(user: string, id: string): string {
  // With the length in front no two pairs have the same name, whatever characters they have.
  return `${id.length} ${id}${user}`;
}

/** A 32-bit fingerprint of what a message writes, without its timestamps. */
export function fingerprintOf(writes: readonly { key: string; json: string | undefined }[]): number {
  let sum = 0;
  for (const { key, json } of writes) sum = crc32(json === undefined ? `${key}\0` : `${key}\0=${json}`, sum);
  return sum;
}
