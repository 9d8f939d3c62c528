import type { WorkspaceId } from '@etherply/protocol';
import { CommitLoop, type CommitObserver } from '../storage/commit-loop.ts';
import { shardOf } from '../storage/placement.ts';
import { SupervisedShard } from '../storage/supervised-shard.ts';

/** A shard and the loop that writes to it. */
export interface ShardSlot {
  readonly shard: SupervisedShard;
  readonly loop: CommitLoop;
}

interface Options {
  readonly dataDirs: readonly string[];
  /** As `ETHERPLY_WRITE_BUFFER_BYTES`. */
  readonly writeBufferBytes: number;
  readonly observer: CommitObserver;
  readonly down: (error: Error) => void;
  /** It serves again. */
  readonly up: (index: number) => void;
}

/** The shards of this pod. Which one has a workspace its id says. */
export class Shards {
  readonly slots: readonly ShardSlot[];

  private constructor(slots: readonly ShardSlot[]) {
    this.slots = slots;
  }

  /** Opens every shard; the workspaces of one that cannot be opened are unavailable until it can. */
  static async open({ dataDirs, writeBufferBytes, observer, down, up }: Options): Promise<Shards> {
    const slots = dataDirs.map(async (dir, index): Promise<ShardSlot> => {
      const shard = await SupervisedShard.open(index, dir, writeBufferBytes, { down, up: () => up(index) });
      return { shard, loop: new CommitLoop((writes) => shard.append(writes), observer) };
    });
    return new Shards(await Promise.all(slots));
  }

  of(id: WorkspaceId): ShardSlot {
    const slot = this.slots[shardOf(id, this.slots.length)];
    if (slot === undefined) throw new Error('there are no shards');
    return slot;
  }

  /** What keeps them from serving everything, one line a shard; empty when all is well. */
  problems(): string[] {
    return this.slots.flatMap(({ shard }) => shard.problem?.message ?? []);
  }

  /** Resolves when everything that has been submitted by now is durable, whatever comes meanwhile. */
  async settled(): Promise<void> {
    await Promise.all(this.slots.map(({ loop }) => loop.settled()));
  }

  /** When nothing is waiting to be made durable. */
  async close(): Promise<void> {
    await Promise.all(this.slots.map(({ loop }) => loop.idle()));
    await Promise.all(this.slots.map(({ shard }) => shard.close()));
  }
}
