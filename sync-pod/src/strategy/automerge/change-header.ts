import { createHash } from 'node:crypto';

// The container of https://automerge.org/automerge-binary-format-spec: magic bytes and checksum (8 bytes), a type (1 byte),
// the length of the content as LEB128, and the content.

export const MAGIC = Buffer.from([0x85, 0x6f, 0x4a, 0x83]);
/** The first bytes of the hash. */
export const CHECKSUM_BYTES = 4;
export const TYPE_AT = 8;
export const HEADER_BYTES = 9;
const DOCUMENT = 0;
export const UNCOMPRESSED = 1;
export const HASH_BYTES = 32;

/** Whether this is a change, and not a whole document. */
export function isChange(chunk: Uint8Array): boolean {
  return chunk[TYPE_AT] !== DOCUMENT;
}

/** Whether a change is stored as it is hashed; a compressed one is read by the library alone. */
export function isUncompressed(change: Uint8Array): boolean {
  return change[TYPE_AT] === UNCOMPRESSED;
}

/** The hash of an uncompressed change: SHA-256 over what follows the magic bytes and the checksum. */
export function changeHash(change: Uint8Array): string {
  return createHash('sha256').update(change.subarray(TYPE_AT)).digest('hex');
}

/** Which change of which actor this is, without reading the rest; undefined where it is compressed. */
export function actorAndSeq(change: Uint8Array): { actor: string; seq: number } | undefined {
  if (!isUncompressed(change)) return undefined;
  const deps = leb128(change, leb128(change, HEADER_BYTES).end);
  const actor = leb128(change, deps.end + deps.value * HASH_BYTES);
  const end = actor.end + actor.value;
  const name = Buffer.from(change.subarray(actor.end, end)).toString('hex');
  return { actor: name, seq: leb128(change, end).value };
}

/** The changes and documents in a concatenation. @throws where it ends within one */
export function cutChunks(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const { value, end } = leb128(bytes, start + HEADER_BYTES);
    chunks.push(bytes.subarray(start, end + value));
    start = end + value;
  }
  return chunks;
}

/** A number of as many bytes as it takes, and where it ends. @throws where it does not end */
export function leb128(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, scale = 1; ; at += 1, scale *= 128) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('the history ends within a change');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at + 1 };
  }
}
