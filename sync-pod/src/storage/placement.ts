import { createHash } from 'node:crypto';
import type { WorkspaceId } from '@etherply/protocol';

/** A tenant's part of a workspace id: all before the first `:`, or the whole id. */
export function prefixOf(workspace: WorkspaceId): string {
  const colon = workspace.indexOf(':');
  return colon === -1 ? workspace : workspace.slice(0, colon);
}

/**
 * The shard of a workspace: all workspaces of a prefix lie together. Jump consistent hash (Lamping and Veach, 2014) over
 * SHA-256 of the prefix. Part of the data format: changing it loses workspaces.
 */
export function shardOf(workspace: WorkspaceId, shards: number): number {
  let key = createHash('sha256').update(prefixOf(workspace)).digest().readBigUInt64BE(0);
  let shard = -1;
  let next = 0;
  while (next < shards) {
    shard = next;
    key = BigInt.asUintN(64, key * 2862933555777941757n + 1n);
    next = Math.floor((shard + 1) * (2 ** 31 / (Number(key >> 33n) + 1)));
  }
  return shard;
}
