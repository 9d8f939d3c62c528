import { ByteWriter } from './byte-writer.ts';
import { HASH_BYTES, leb128 } from './change-header.ts';

// The messages of https://automerge.org/automerge-binary-format-spec's sync protocol: a type, then hashes of heads, hashes of what
// is asked for, what is said to be had (hashes and a Bloom filter each), changes, and what the library adds for itself.

const FIRST_VERSION = 0x42;
const SECOND_VERSION = 0x43;

/** What a peer says, as far as it takes to follow it. */
export interface SyncMessage {
  readonly heads: readonly string[];
  /** It asks for some changes by their hashes. */
  readonly isAsking: boolean;
  /** Changes, or documents as the library saves them. */
  readonly changes: readonly Uint8Array[];
}

/** @throws where it is none */
export function decodeSyncMessage(message: Uint8Array): SyncMessage {
  if (message[0] !== FIRST_VERSION && message[0] !== SECOND_VERSION) throw new Error('no message of the sync protocol');
  let at = 1;
  const number = () => {
    const { value, end } = leb128(message, at);
    at = end;
    return value;
  };
  const bytes = (length: number) => {
    const end = at + length;
    if (end > message.length) throw new Error('a message of the sync protocol ends too early');
    const part = message.subarray(at, end);
    at = end;
    return part;
  };
  const heads: string[] = [];
  for (let count = number(); count > 0; count -= 1) heads.push(Buffer.from(bytes(HASH_BYTES)).toString('hex'));
  const asked = number();
  bytes(asked * HASH_BYTES);
  for (let count = number(); count > 0; count -= 1) {
    bytes(number() * HASH_BYTES);
    bytes(number());
  }
  const changes: Uint8Array[] = [];
  for (let count = number(); count > 0; count -= 1) changes.push(bytes(number()));
  return { heads, isAsking: asked > 0, changes };
}

/** As from one that has all up to these heads, asks for nothing, and sends these changes. */
export function encodeSyncMessage(heads: readonly string[], changes: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter();
  const hashes = () => {
    out.unsigned(heads.length);
    for (const head of heads) out.hex(head);
  };
  out.byte(FIRST_VERSION);
  hashes();
  out.unsigned(0);
  // By what is said to be here the peer sends what it makes itself from now on; else it would have to be asked for that.
  out.unsigned(1);
  hashes();
  out.unsigned(0);
  out.unsigned(changes.length);
  for (const change of changes) {
    out.unsigned(change.length);
    out.bytes(change);
  }
  return out.written;
}
