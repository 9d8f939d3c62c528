import type { WorkspaceId } from '@etherply/protocol';
import type { LogEntry } from '../../storage/shard.ts';

/** Where a workspace is read from. */
export interface Source {
  manifest(workspace: WorkspaceId): Promise<Uint8Array | undefined>;
  chunks(workspace: WorkspaceId, position: number, first: number, end: number): AsyncIterable<Uint8Array>;
  archive(workspace: WorkspaceId, first: number, end: number): AsyncIterable<Uint8Array>;
  records(workspace: WorkspaceId, position: number): AsyncIterable<LogEntry>;
}
