import type { LogEntry } from '../storage/shard.ts';
import type { Checkpoint } from './replica/checkpoint.ts';
import type { WorkspaceState } from './state/workspace-state.ts';

/** A workspace as it is on disk. */
export interface Stored {
  readonly state: WorkspaceState;
  readonly checkpoint: Checkpoint;
  /** The records that the stream may not have. */
  readonly unpublished: readonly LogEntry[];
  /** Whether it says there that the stream may lack something. */
  readonly isMarked: boolean;
}
