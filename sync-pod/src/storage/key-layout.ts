import type { WorkspaceId } from '@etherply/protocol';

// A key is `<workspace> 0x00 <kind> <numbers, big-endian>`: ids have no zero byte, so that all of a workspace lies together
// and nothing of another among it. One column family holds all kinds, because a batch of the binding writes to only one.

const KIND = { archive: 0x61, log: 0x6c, manifest: 0x6d, chunk: 0x73, usage: 0x75 } as const;
type Kind = keyof typeof KIND;

/** A record of the log. */
export function logKey(workspace: WorkspaceId, position: number): Buffer {
  const { key, at } = begin(workspace, 'log', 8);
  key.writeBigUInt64BE(BigInt(position), at);
  return key;
}

/** What the current snapshot consists of. */
export function manifestKey(workspace: WorkspaceId): Buffer {
  return begin(workspace, 'manifest', 0).key;
}

/** A part of the snapshot that holds everything up to `position`. */
export function chunkKey(workspace: WorkspaceId, position: number, index: number): Buffer {
  const { key, at } = begin(workspace, 'chunk', 12);
  key.writeBigUInt64BE(BigInt(position), at);
  key.writeUInt32BE(index, at + 8);
  return key;
}

/** A piece of history from before the current snapshot; pieces are numbered through, over all snapshots. */
export function archiveKey(workspace: WorkspaceId, index: number): Buffer {
  const { key, at } = begin(workspace, 'archive', 8);
  key.writeBigUInt64BE(BigInt(index), at);
  return key;
}

/** How much the workspace was used in an hour, counted from the Unix epoch. */
export function usageKey(workspace: WorkspaceId, hour: number): Buffer {
  const { key, at } = begin(workspace, 'usage', 4);
  key.writeUInt32BE(hour, at);
  return key;
}

/** The hour that a usage key ends with. */
export function hourOf(usageKeyBytes: Buffer): number {
  return usageKeyBytes.readUInt32BE(usageKeyBytes.length - 4);
}

/** The position that a log key ends with. */
export function positionOf(logKeyBytes: Buffer): number {
  return Number(logKeyBytes.readBigUInt64BE(logKeyBytes.length - 8));
}

function begin(workspace: WorkspaceId, kind: Kind, numberBytes: number): { key: Buffer; at: number } {
  const at = workspace.length + 2;
  const key = Buffer.allocUnsafe(at + numberBytes);
  key.write(workspace, 'latin1');
  key[workspace.length] = 0;
  key[workspace.length + 1] = KIND[kind];
  return { key, at };
}
