import { createHash, randomInt } from 'node:crypto';

/**
 * `encodeChange` reads its ops as JSON with a parser that can be off by one unit in the last place where a float has many
 * digits or a large exponent. Such a float goes in as a stand-in that is read exactly, and its eight bytes are put right
 * in the encoded change.
 */
export class ExactFloats {
  readonly #standIns = new Map<number, number>();
  #next = randomInt(1e12, 9e12) + 0.5;

  /** What to give to `encodeChange` in place of `value`. */
  encodable(value: number): number {
    if (isReadExactly(value)) return value;
    this.#next += 1;
    this.#standIns.set(this.#next, value);
    return this.#next;
  }

  /** Puts the real floats into an encoded change, and its checksum right. */
  putInto(change: Uint8Array): void {
    if (this.#standIns.size === 0) return;
    const bytes = Buffer.from(change.buffer, change.byteOffset, change.byteLength);
    if (bytes[CHUNK_TYPE_AT] !== UNCOMPRESSED_CHANGE) throw new Error('the encoded change is compressed');
    for (const [standIn, value] of this.#standIns) {
      const pattern = Buffer.alloc(8);
      pattern.writeDoubleLE(standIn);
      const at = bytes.indexOf(pattern);
      // Random stand-ins: the same eight bytes elsewhere in the change do not happen, and must not pass if they do.
      if (at === -1 || bytes.indexOf(pattern, at + 1) !== -1)
        throw new Error('a float has no place of its own in the encoded change');
      bytes.writeDoubleLE(value, at);
    }
    createHash('sha256').update(bytes.subarray(CHUNK_TYPE_AT)).digest().copy(bytes, CHECKSUM_AT, 0, 4);
  }
}

// The layout of a chunk in the Automerge binary format: 4 magic bytes, 4 of checksum, the type, the length, the content.
const CHECKSUM_AT = 4;
const CHUNK_TYPE_AT = 8;
const UNCOMPRESSED_CHANGE = 1;

/** Up to 15 digits times or over a power of ten up to 22: one exact operation on two exact doubles. */
function isReadExactly(value: number): boolean {
  const [mantissa = '', exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '').length;
  return digits <= 15 && Math.abs(Number(exponent) - fraction.length) <= 22;
}
