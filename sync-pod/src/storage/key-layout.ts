import { type WorkspaceId, workspaceId } from '@etherply/protocol';

// A key is `<workspace> 0x00 <kind> <numbers, big-endian>`: ids have no zero byte, so that all of a workspace lies together
// and nothing of another among it. One column family holds all kinds, because a batch of the binding writes to only one.
// What is looked for over all workspaces stands before them all: `0x00 <kind> …`.

const KIND = { archive: 0x61, checkpoint: 0x63, log: 0x6c, manifest: 0x6d, chunk: 0x73, usage: 0x75 } as const;
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

/** Up to where the workspace has taken in what the stream holds of it. */
export function checkpointKey(workspace: WorkspaceId): Buffer {
  return begin(workspace, 'checkpoint', 0).key;
}

/** The workspace has records that the stream may not have yet. */
export function outboxKey(workspace: WorkspaceId): Buffer {
  return Buffer.concat([OUTBOX, Buffer.from(workspace, 'latin1')]);
}

const OUTBOX = Buffer.from([0, 0x6f]);

/** What is before the first, and after the last, outbox key of all workspaces. */
export const OUTBOX_RANGE = { gte: OUTBOX, lt: Buffer.from([0, 0x70]) };

/** The workspace that an outbox key names. */
export function outboxWorkspaceOf(key: Buffer): WorkspaceId {
  return workspaceId.parse(key.toString('latin1', OUTBOX.length));
}

/** Up to where this shard knows the stream. */
export const STREAM_KEY = Buffer.from([0, 0x73]);

/** Before everything of all workspaces. */
export const FIRST_WORKSPACE = Buffer.from([1]);

/** The workspace that any other key names, and what is after the last key that names it. */
export function workspaceOf(key: Buffer): { workspace: WorkspaceId; after: Buffer } {
  const end = key.indexOf(0);
  return {
    workspace: workspaceId.parse(key.toString('latin1', 0, end)),
    after: Buffer.from([...key.subarray(0, end), 1]),
  };
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
