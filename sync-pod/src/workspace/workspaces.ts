import type { WorkspaceId } from '@etherply/protocol';
import { CommitLoop, type CommitObserver } from '../storage/commit-loop.ts';
import { shardOf } from '../storage/placement.ts';
import { Shard } from '../storage/shard.ts';
import type { Strategy } from '../strategy/strategy.ts';
import type { Broadcaster } from './broadcaster.ts';
import { Workspace } from './workspace.ts';

/** Why a workspace cannot be had now. */
export class WorkspaceUnavailableError extends Error {
  override readonly name = 'WorkspaceUnavailableError';
}

interface Options {
  readonly dataDirs: readonly string[];
  readonly createStrategy: () => Strategy;
  readonly broadcaster: Broadcaster;
  readonly observer: CommitObserver;
  readonly now: () => number;
  readonly opIdMemoryMs: number;
  /** For how long a workspace that nobody uses stays open, in milliseconds. */
  readonly idleMs: number;
  /** Told when a shard fails, to log it. */
  readonly onShardFailure: (error: unknown) => void;
}

interface ShardSlot {
  readonly shard: Shard | undefined;
  readonly loop: CommitLoop | undefined;
  error: unknown;
}

interface Slot {
  readonly opening: Promise<Workspace>;
  users: number;
  idleSince: number;
}

/** The workspaces of this pod: opens one when it is first used, and lets go of it when it has been idle for long enough. */
export class Workspaces {
  readonly #options: Options;
  readonly #shards: readonly ShardSlot[];
  readonly #open = new Map<WorkspaceId, Slot>();
  readonly #sweeper: NodeJS.Timeout;

  private constructor(options: Options, shards: readonly ShardSlot[]) {
    this.#options = options;
    this.#shards = shards;
    this.#sweeper = setInterval(() => this.#evict(), Math.max(50, Math.min(options.idleMs / 4, 5000)));
    this.#sweeper.unref();
  }

  /** Opens every shard that can be opened; the others answer with their error until they are mended. */
  static async start(options: Options): Promise<Workspaces> {
    const shards = await Promise.all(
      options.dataDirs.map(async (dir, index): Promise<ShardSlot> => {
        try {
          const shard = await Shard.open(index, dir);
          const slot: ShardSlot = {
            shard,
            loop: new CommitLoop(
              (entries) => shard.append(entries),
              options.observer,
              (error) => {
                slot.error = error;
                options.onShardFailure(error);
              },
            ),
            error: undefined,
          };
          return slot;
        } catch (error) {
          options.onShardFailure(error);
          return { shard: undefined, loop: undefined, error };
        }
      }),
    );
    return new Workspaces(options, shards);
  }

  /** What keeps this pod from serving everything, one line a shard; empty when all is well. */
  problems(): string[] {
    return this.#shards.flatMap(({ error }) =>
      error === undefined ? [] : [error instanceof Error ? error.message : String(error)],
    );
  }

  get openCount(): number {
    return this.#open.size;
  }

  /**
   * Opens a workspace and keeps it open until `release` is called, once for each call of `acquire`.
   * @throws WorkspaceUnavailableError where its shard is down
   */
  async acquire(id: WorkspaceId): Promise<Workspace> {
    let slot = this.#open.get(id);
    if (slot === undefined) {
      slot = { opening: this.#load(id), users: 0, idleSince: 0 };
      this.#open.set(id, slot);
    }
    slot.users += 1;
    try {
      return await slot.opening;
    } catch (error) {
      if (this.#open.get(id) === slot) this.#open.delete(id);
      throw error;
    }
  }

  release(id: WorkspaceId): void {
    const slot = this.#open.get(id);
    if (slot === undefined) return;
    slot.users -= 1;
    slot.idleSince = this.#options.now();
  }

  /** Resolves when everything that was submitted is durable. */
  async idle(): Promise<void> {
    await Promise.all(this.#shards.map(({ loop }) => loop?.idle()));
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    await this.idle();
    await Promise.all(this.#shards.map(({ shard }) => shard?.close()));
  }

  async #load(id: WorkspaceId): Promise<Workspace> {
    const { createStrategy, broadcaster, now, opIdMemoryMs } = this.#options;
    const { shard, loop, error } = this.#shards[shardOf(id, this.#shards.length)] ?? {};
    if (shard === undefined || loop === undefined || error !== undefined) {
      throw new WorkspaceUnavailableError(`workspace ${id} is unavailable: its shard is down`);
    }
    const schedule = (one: Workspace) => loop.schedule(one);
    const workspace = new Workspace(id, createStrategy(), { broadcaster, schedule, now, memoryMs: opIdMemoryMs });
    let sliceStart = performance.now();
    for await (const entry of shard.read(id)) {
      workspace.restore(entry);
      if (performance.now() - sliceStart > SLICE_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceStart = performance.now();
      }
    }
    return workspace;
  }

  async #evict(): Promise<void> {
    const before = this.#options.now() - this.#options.idleMs;
    for (const [id, slot] of this.#open) {
      if (slot.users > 0 || slot.idleSince > before) continue;
      const workspace = await slot.opening;
      if (slot.users === 0 && workspace.isIdle && this.#open.get(id) === slot) this.#open.delete(id);
    }
  }
}

/** How long opening a workspace may hold the event loop at a time. */
const SLICE_MS = 8;
