import { types } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import { HASH_BYTES, HEADER_BYTES, isUncompressed, leb128, TYPE_AT, UNCOMPRESSED } from './change-header.ts';
import { COLUMN } from './columns.ts';

// What a change amounts to once it is decoded, without decoding it: its columns are run-length encoded, so that a few bytes can
// stand for more ops than there is memory. The format is https://automerge.org/automerge-binary-format-spec.

/** A change of more ops, the predecessors of each included, is not taken. */
const MAX_OPS = 1 << 20;
/** One that has more bytes, or whose keys have, is not taken either. */
const MAX_BYTES = 64 << 20;
/** From here on encoding or decoding it holds the event loop for more than some 10 ms. */
export const HEAVY_OPS = 4096;
const HEAVY_BYTES = 32 * 1024;

/** A change that is too large to be decoded. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

/** Whether it is to be decoded on a worker thread; unknown until then where it is compressed. @throws where it is no change */
export function isHeavy(change: Uint8Array): boolean {
  if (change.length >= HEAVY_BYTES || !isUncompressed(change)) return true;
  try {
    return opsIn(change) >= HEAVY_OPS;
  } catch (error) {
    if (error instanceof TooLargeError) return true;
    throw error;
  }
}

/** @throws TooLargeError where it is, something else where it is no change */
export function checkWeight(change: Uint8Array): void {
  opsIn(isUncompressed(change) ? change : inflated(change));
}

function inflated(change: Uint8Array): Uint8Array {
  const { end } = leb128(change, HEADER_BYTES);
  let content: Buffer;
  try {
    content = inflateRawSync(change.subarray(end), { maxOutputLength: MAX_BYTES });
  } catch (error) {
    const isLarge = types.isNativeError(error) && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isLarge ? new TooLargeError(`a change has more than ${MAX_BYTES} bytes`, { cause: error }) : error;
  }
  // As if it had been uncompressed with an empty length: the reader below does not look at that.
  return Buffer.concat([change.subarray(0, TYPE_AT), Buffer.from([UNCOMPRESSED, 0]), content]);
}

/** How many ops an uncompressed change has, and predecessors of ops. @throws as `checkWeight` */
export function opsIn(change: Uint8Array): number {
  let at = leb128(change, HEADER_BYTES).end;
  const number = () => {
    const { value, end } = leb128(change, at);
    at = end;
    return value;
  };
  const skip = (bytes: number) => {
    at += bytes;
  };
  skip(number() * HASH_BYTES); // dependencies
  skip(number()); // actor
  number(); // its number
  number(); // start op
  number(); // time: signed, as long as unsigned
  skip(number()); // message
  for (let actors = number(); actors > 0; actors -= 1) skip(number());
  const columns: { type: number; length: number }[] = [];
  for (let count = number(); count > 0; count -= 1) columns.push({ type: number(), length: number() });
  let ops = 0;
  for (const { type, length } of columns) {
    const column = change.subarray(at, at + length);
    skip(length);
    if (type === COLUMN.action) ops += countRuns(column, () => 1, MAX_OPS);
    else if (type === COLUMN.predCount) ops += countRuns(column, (value) => value, MAX_OPS);
    else if (type === COLUMN.keyText) countRuns(column, undefined, MAX_BYTES);
  }
  if (ops > MAX_OPS) throw new TooLargeError(`a change has more than ${MAX_OPS} ops`);
  return ops;
}

/**
 * Adds up the runs of a column.
 * @param amountOf what one of its numbers amounts to; undefined: it has texts, which amount to their bytes
 */
function countRuns(column: Uint8Array, amountOf: ((value: number) => number) | undefined, most: number): number {
  let sum = 0;
  let at = 0;
  const amount = () => {
    const { value, end } = leb128(column, at);
    at = amountOf === undefined ? end + value : end;
    return amountOf === undefined ? value : amountOf(value);
  };
  while (at < column.length) {
    const { value: length, end } = signedLeb128(column, at);
    at = end;
    if (length > 0) sum += length * amount();
    else if (length < 0) for (let left = -length; left > 0 && sum <= most; left -= 1) sum += amount();
    else at = leb128(column, at).end; // so many nulls
    if (sum > most) throw new TooLargeError(`a change amounts to more than ${most}`);
  }
  return sum;
}

function signedLeb128(bytes: Uint8Array, start: number): { value: number; end: number } {
  const { value, end } = leb128(bytes, start);
  const isNegative = ((bytes[end - 1] ?? 0) & 0x40) !== 0;
  return { value: isNegative ? value - 128 ** (end - start) : value, end };
}
