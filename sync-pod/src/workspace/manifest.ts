import { Encoder } from 'cbor-x';
import { z } from 'zod';

/** What a snapshot of a workspace consists of. Its chunks are numbered through: op ids, then state, then archive. */
export interface Manifest {
  /** Name of the strategy that made it. */
  readonly kind: string;
  readonly epoch: number;
  /** The last record that is in it. */
  readonly position: number;
  /** How many chunks hold the ids of recent ops, the state, and the archive. */
  readonly chunks: { readonly opIds: number; readonly state: number; readonly archive: number };
  /** Of all chunks together. */
  readonly bytes: number;
}

const VERSION = 1;
const cbor = new Encoder({ useRecords: false, tagUint8Array: false });
const count = z.int().min(0);
const manifest = z.object({
  version: z.literal(VERSION),
  kind: z.string(),
  epoch: z.int(),
  position: z.int(),
  chunks: z.object({ opIds: count, state: count, archive: count }),
  bytes: count,
});

export function encodeManifest(content: Manifest): Uint8Array {
  return cbor.encode({ version: VERSION, ...content });
}

/** @throws where the bytes are no manifest of a known version */
export function decodeManifest(bytes: Uint8Array): Manifest {
  return manifest.parse(cbor.decode(bytes));
}
