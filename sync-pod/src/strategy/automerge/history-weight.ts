import { cutChunks, isChange, isUncompressed } from './change-header.ts';
import { opsIn, TooLargeError } from './change-weight.ts';

// What the library takes to make a document of changes, in microseconds, about. What their bytes add, packing does not save.
const CHANGE_MICROS = 8;
const OP_MICROS = 1;
/** A worker thread takes longer to start than this holds the event loop, also where the library has not been run yet. */
const MOST_MICROS = 10_000;

/**
 * Whether making a document of changes takes so long that they are better packed on a worker thread first: a few large changes do
 * not, however many bytes they have, and many small ones do. False where they cannot be read: the library says what is wrong.
 * @param changes concatenated, maybe with documents between them
 */
export function isHeavyHistory(changes: Uint8Array): boolean {
  try {
    let micros = 0;
    for (const chunk of cutChunks(changes)) {
      if (isChange(chunk)) micros += CHANGE_MICROS + OP_MICROS * opsAbout(chunk);
      if (micros > MOST_MICROS) return true;
    }
    return false;
  } catch (error) {
    return error instanceof TooLargeError;
  }
}

/** What a compressed change has nobody knows before: an op takes some byte. */
function opsAbout(change: Uint8Array): number {
  return isUncompressed(change) ? opsIn(change) : change.length;
}
