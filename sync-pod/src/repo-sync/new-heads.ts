import bs58check from 'bs58check';
import { z } from 'zod';
import { type HeadsByStorage, MAX_HEADS, type StorageHeads } from './remote-heads.ts';

// Heads of storages as automerge-repo writes them: `{ [storageId]: { heads, timestamp } }`, each hash in base58 with a checksum.

const MAX_STORAGE_ID_LENGTH = 256;
/** Of the storages that one message may tell of. */
const MAX_STORAGES = 64;
const MAX_HASH_LENGTH = 64;
const HASH_BYTES = 32;
/** To write a hash takes 10 µs, and many may be told of it. */
const texts = new WeakMap<readonly string[], string[]>();

const entry = z.object({ heads: z.array(z.string().max(MAX_HASH_LENGTH)), timestamp: z.number().min(0) });
/** Of storages with more heads than anybody is told of nothing is read. */
export const newHeads = z
  .record(z.string().max(MAX_STORAGE_ID_LENGTH), entry)
  .refine((told) => Object.keys(told).length <= MAX_STORAGES)
  .transform((told, context): HeadsByStorage => {
    const read = new Map<string, StorageHeads>();
    for (const [storageId, { heads: written, timestamp }] of Object.entries(told)) {
      if (written.length > MAX_HEADS) continue;
      const heads: string[] = [];
      for (const text of written) {
        const bytes = bs58check.decodeUnsafe(text);
        if (bytes?.length !== HASH_BYTES) {
          context.addIssue('a head is no hash');
          return z.NEVER;
        }
        heads.push(Buffer.from(bytes).toString('hex'));
      }
      texts.set(heads, written);
      read.set(storageId, { heads, timestamp });
    }
    return read;
  });

export function encodeNewHeads(heads: HeadsByStorage): Record<string, { heads: string[]; timestamp: number }> {
  const entries = [...heads].map(([storageId, { heads: hashes, timestamp }]) => [
    storageId,
    { heads: textsOf(hashes), timestamp },
  ]);
  return Object.fromEntries(entries);
}

function textsOf(hashes: readonly string[]): string[] {
  const known = texts.get(hashes);
  if (known !== undefined) return known;
  const written = hashes.map((hash) => bs58check.encode(Buffer.from(hash, 'hex')));
  texts.set(hashes, written);
  return written;
}
