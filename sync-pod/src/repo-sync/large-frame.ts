/** A longer frame is made for itself alone: so much is never given back. */
const MOST_BYTES = 4 * 1024 * 1024;
/** The first byte of a CBOR byte string whose length is in the next four. */
const BYTES_UP_TO_4_GIB = 0x5a;
const LENGTH_BYTES = 4;

let shared = Buffer.alloc(0);

/**
 * A CBOR map as a frame, without a copy for each frame: the same document goes to many clients.
 * @param head the map as it is encoded with an empty byte string at its end
 * @param data stands in place of it; 64 KiB or more
 * @returns good until the next call
 */
export function largeFrame(head: Uint8Array, data: Uint8Array): Uint8Array {
  const start = head.length + LENGTH_BYTES;
  const length = start + data.length;
  const frame = length > MOST_BYTES ? Buffer.allocUnsafe(length) : sharedOf(length);
  frame.set(head);
  frame[head.length - 1] = BYTES_UP_TO_4_GIB;
  frame.writeUInt32BE(data.length, head.length);
  frame.set(data, start);
  return frame;
}

function sharedOf(length: number): Buffer {
  if (shared.length < length) shared = Buffer.allocUnsafeSlow(length);
  return shared.subarray(0, length);
}
