import type { WorkspaceId } from '@etherply/protocol';
import type { LogEntry } from '../storage/shard.ts';
import type { HistoryWork } from '../strategy/history.ts';
import { type Checkpoint, decodeCheckpoint, NO_CHECKPOINT } from '../workspace/replica/checkpoint.ts';
import { type StateOptions, WorkspaceState } from '../workspace/state/workspace-state.ts';
import type { Stored } from '../workspace/stored.ts';
import type { Shards } from './shards.ts';

interface Options {
  /** How the state of a workspace that nobody has written to begins. */
  readonly state: Omit<StateOptions, 'sourceOf' | 'pack'>;
  readonly historyWork: HistoryWork;
  /** Whether other pods have the same workspaces. */
  readonly isReplicated: boolean;
}

/** Reads workspaces as they are on disk. */
export class StoredWorkspaces {
  readonly #shards: Shards;
  readonly #options: Options;

  constructor(shards: Shards, options: Options) {
    this.#shards = shards;
    this.#options = options;
  }

  /** @throws ShardDownError, UnreadableError, and what decoding throws */
  async read(id: WorkspaceId): Promise<Stored> {
    const { shard } = this.#shards.of(id);
    const { isReplicated } = this.#options;
    // First: what it says has been taken in must be in the state.
    const checkpoint = isReplicated ? await this.#checkpoint(id) : NO_CHECKPOINT;
    const state = this.#newState();
    await state.read(id, shard);
    if (!isReplicated) return { state, checkpoint, unpublished: [], isMarked: false };
    const isMarked = await shard.isUnpublished(id);
    const unpublished: LogEntry[] = [];
    // Where nothing says what the stream has, all that is here is published as a whole.
    if (checkpoint.marks.size === 0) return { state, checkpoint, unpublished, isMarked };
    // Compacted before it was written down that the stream has it, or while the pod stood alone: who knows?
    if (checkpoint.published < (state.snapshot?.position ?? 0)) {
      return { state, checkpoint: { ...checkpoint, marks: new Map() }, unpublished, isMarked };
    }
    for await (const record of shard.records(id, checkpoint.published)) unpublished.push(record);
    return { state, checkpoint, unpublished, isMarked };
  }

  /** As much as it takes to delete a workspace that cannot be read. @throws ShardDownError */
  async readOutline(id: WorkspaceId): Promise<Stored> {
    const state = this.#newState();
    await state.readOutline(id, this.#shards.of(id).shard);
    return { state, checkpoint: await this.#checkpoint(id), unpublished: [], isMarked: false };
  }

  async #checkpoint(id: WorkspaceId): Promise<Checkpoint> {
    const bytes = await this.#shards.of(id).shard.checkpoint(id);
    return bytes === undefined ? NO_CHECKPOINT : decodeCheckpoint(bytes);
  }

  #newState(): WorkspaceState {
    const { state, historyWork } = this.#options;
    return new WorkspaceState({
      ...state,
      sourceOf: (one) => this.#shards.of(one).shard,
      pack: historyWork.pack.bind(historyWork),
    });
  }
}
