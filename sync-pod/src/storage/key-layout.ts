import type { WorkspaceId } from '@etherply/protocol';

/** `<workspace> 0x00 <position, 8 bytes big-endian>`: ids have no zero byte, so no workspace's keys lie among another's. */
export function logKey(workspace: WorkspaceId, position: number): Buffer {
  const key = Buffer.allocUnsafe(workspace.length + 9);
  key.write(workspace, 'latin1');
  key[workspace.length] = 0;
  key.writeBigUInt64BE(BigInt(position), workspace.length + 1);
  return key;
}

/** The range of all log keys of a workspace. */
export function logRange(workspace: WorkspaceId): { gte: Buffer; lt: Buffer } {
  return { gte: Buffer.from(`${workspace}\0`, 'latin1'), lt: Buffer.from(`${workspace}\x01`, 'latin1') };
}

/** The position that a log key ends with. */
export function positionOf(key: Buffer): number {
  return Number(key.readBigUInt64BE(key.length - 8));
}
