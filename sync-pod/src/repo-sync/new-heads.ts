import bs58check from 'bs58check';
import { z } from 'zod';
import { type HeadsByStorage, MAX_HEADS, type StorageHeads } from './remote-heads.ts';

// Heads of storages as automerge-repo writes them: `{ [storageId]: { heads, timestamp } }`, each hash in base58 with a checksum.

const MAX_STORAGE_ID_LENGTH = 256;
/** Of the storages that one message may tell of. */
const MAX_STORAGES = 1000;
const HASH_BYTES = 32;

const entry = z.object({ heads: z.array(z.string()).max(MAX_HEADS), timestamp: z.number().min(0) });
/** What cannot be read, or is more than anybody is told of, is left out. */
export const newHeads = z
  .record(z.string(), z.unknown())
  .refine((told) => Object.keys(told).length <= MAX_STORAGES)
  .transform((told): HeadsByStorage => {
    const heads = new Map<string, StorageHeads>();
    for (const [storageId, value] of Object.entries(told)) {
      const { data } = entry.safeParse(value);
      const hashes = data?.heads.flatMap((text) => hashOf(text) ?? []);
      const isWhole = hashes?.length === data?.heads.length && storageId.length <= MAX_STORAGE_ID_LENGTH;
      if (data !== undefined && hashes !== undefined && isWhole) {
        heads.set(storageId, { heads: hashes, timestamp: data.timestamp });
      }
    }
    return heads;
  });

export function encodeNewHeads(heads: HeadsByStorage): Record<string, { heads: string[]; timestamp: number }> {
  const entries = [...heads].map(([storageId, { heads: hashes, timestamp }]) => [
    storageId,
    { heads: hashes.map((hash) => bs58check.encode(Buffer.from(hash, 'hex'))), timestamp },
  ]);
  return Object.fromEntries(entries);
}

function hashOf(text: string): string | undefined {
  if (text.length > 2 * HASH_BYTES) return undefined;
  const bytes = bs58check.decodeUnsafe(text);
  return bytes?.length === HASH_BYTES ? Buffer.from(bytes).toString('hex') : undefined;
}
