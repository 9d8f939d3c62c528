import { decodeChange } from '@automerge/automerge';
import { changeHash, isUncompressed } from './change-header.ts';

/** The hash of any change: that of the uncompressed one, which only the library makes of a compressed one. */
export function hashOf(change: Uint8Array): string {
  return isUncompressed(change) ? changeHash(change) : decodeChange(change).hash;
}
