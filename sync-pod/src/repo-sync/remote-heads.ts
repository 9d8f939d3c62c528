import type { WorkspaceId } from '@etherply/protocol';
import { LRUCache } from 'lru-cache';
import { sameHeads } from '../strategy/heads.ts';

/** What a storage has of a document. */
export interface StorageHeads {
  /** Hashes in hex. */
  readonly heads: readonly string[];
  /** When it was known to have them, in Unix milliseconds. */
  readonly timestamp: number;
}

/** By the id of the storage. */
export type HeadsByStorage = ReadonlyMap<string, StorageHeads>;

/** What is remembered of one document. */
const MAX_STORAGES = 64;
/** What has more is not told of. */
export const MAX_HEADS = 64;
/** Of all documents: those that nothing was heard of for longest are forgotten. */
const MAX_BYTES = 16 << 20;
/** About what a storage and each of its heads take. */
const STORAGE_BYTES = 400;
const HEAD_BYTES = 100;
const NOTHING: HeadsByStorage = new Map();

/** Which heads the storages of automerge-repo clients have, as far as somebody has said so: the latest of each. */
export class RemoteHeads {
  readonly #documents = new LRUCache<WorkspaceId, Map<string, StorageHeads>>({ maxSize: MAX_BYTES });

  of(document: WorkspaceId): HeadsByStorage {
    return this.#documents.get(document) ?? NOTHING;
  }

  /**
   * The client of a storage says what it has now.
   * @param now Unix milliseconds
   * @returns undefined where that is nothing new
   */
  confirm(document: WorkspaceId, storageId: string, heads: readonly string[], now: number): StorageHeads | undefined {
    const known = this.of(document).get(storageId);
    if (heads.length > MAX_HEADS || (known !== undefined && sameHeads(heads, known.heads))) return undefined;
    // Its own word counts whatever others have said, and whatever clocks they go by.
    const latest = { heads, timestamp: Math.max(now, (known?.timestamp ?? 0) + 1) };
    this.#set(document, storageId, latest);
    return latest;
  }

  /**
   * Somebody else says what storages have.
   * @param now Unix milliseconds: nothing is known from later on, or what is to come would count as old
   * @returns what is newer than what was known
   */
  hear(document: WorkspaceId, told: HeadsByStorage, now: number): HeadsByStorage {
    const newer = new Map<string, StorageHeads>();
    for (const [storageId, { heads, timestamp: said }] of told) {
      const timestamp = Math.min(said, now);
      if (heads.length > MAX_HEADS || timestamp <= (this.of(document).get(storageId)?.timestamp ?? 0)) continue;
      const latest = { heads, timestamp };
      this.#set(document, storageId, latest);
      newer.set(storageId, latest);
    }
    return newer;
  }

  #set(document: WorkspaceId, storageId: string, latest: StorageHeads): void {
    const storages = this.#documents.get(document) ?? new Map<string, StorageHeads>();
    storages.delete(storageId);
    storages.set(storageId, latest);
    const [oldest] = storages.keys();
    if (storages.size > MAX_STORAGES && oldest !== undefined) storages.delete(oldest);
    let size = 0;
    for (const { heads } of storages.values()) size += STORAGE_BYTES + HEAD_BYTES * heads.length;
    this.#documents.set(document, storages, { size });
  }
}
