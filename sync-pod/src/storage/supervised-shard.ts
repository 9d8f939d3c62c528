import type { WorkspaceId } from '@etherply/protocol';
import { type LogEntry, Shard, type Write } from './shard.ts';

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;

/** The shard is down: nothing can be read from it or written to it now. */
export class ShardDownError extends Error {
  override readonly name = 'ShardDownError';
}

export interface ShardEvents {
  /** It went down, or is down for another reason than before. */
  down(error: Error): void;
  /** It serves again after it was down. */
  up(): void;
}

/**
 * A shard that goes down when a write fails, because what is on disk is uncertain then, and comes back by opening its
 * database again, which settles it. It tries until it can: when the disk has space again, or its files were put back.
 */
export class SupervisedShard {
  readonly #index: number;
  readonly #dir: string;
  readonly #writeBufferBytes: number;
  readonly #events: ShardEvents;
  #shard: Shard | undefined;
  #problem: Error | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(index: number, dir: string, writeBufferBytes: number, events: ShardEvents) {
    this.#index = index;
    this.#dir = dir;
    this.#writeBufferBytes = writeBufferBytes;
    this.#events = events;
  }

  /** Opens a shard. One that cannot be opened is down. */
  static async open(
    index: number,
    dir: string,
    writeBufferBytes: number,
    events: ShardEvents,
  ): Promise<SupervisedShard> {
    const supervised = new SupervisedShard(index, dir, writeBufferBytes, events);
    try {
      supervised.#shard = await Shard.open(index, dir, writeBufferBytes);
    } catch (error) {
      supervised.#goDown(error);
    }
    return supervised;
  }

  /** Why it is down, or undefined where it is not. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** As `Shard.append`; a failure puts the shard down. */
  async append(writes: readonly Write[]): Promise<void> {
    const shard = this.#serving();
    try {
      await shard.append(writes);
    } catch (error) {
      this.#shard = undefined;
      this.#goDown(
        new Error(`shard ${this.#index} (${this.#dir}) cannot be written: ${reasonOf(error)}`, { cause: error }),
      );
      await shard.close();
      throw error;
    }
  }

  /** As `Shard.manifest`. */
  async manifest(workspace: WorkspaceId): Promise<Uint8Array | undefined> {
    return this.#serving().manifest(workspace);
  }

  /** As `Shard.chunks`. */
  chunks(workspace: WorkspaceId, position: number, first: number, end: number): AsyncGenerator<Uint8Array> {
    return this.#serving().chunks(workspace, position, first, end);
  }

  /** As `Shard.archive`. */
  archive(workspace: WorkspaceId, first: number, end: number): AsyncGenerator<Uint8Array> {
    return this.#serving().archive(workspace, first, end);
  }

  /** As `Shard.records`. */
  records(workspace: WorkspaceId, position: number): AsyncGenerator<LogEntry> {
    return this.#serving().records(workspace, position);
  }

  /** As `Shard.usage`. */
  usage(workspace: WorkspaceId, first: number, end: number): ReturnType<Shard['usage']> {
    return this.#serving().usage(workspace, first, end);
  }

  /** As `Shard.checkpoint`. */
  async checkpoint(workspace: WorkspaceId): Promise<Uint8Array | undefined> {
    return this.#serving().checkpoint(workspace);
  }

  /** As `Shard.unpublishedWorkspaces`. */
  async unpublishedWorkspaces(): Promise<Set<WorkspaceId>> {
    return this.#serving().unpublishedWorkspaces();
  }

  /** As `Shard.isUnpublished`. */
  async isUnpublished(workspace: WorkspaceId): Promise<boolean> {
    return this.#serving().isUnpublished(workspace);
  }

  /** As `Shard.knownStream`. */
  async knownStream(): Promise<Uint8Array | undefined> {
    return this.#serving().knownStream();
  }

  /** As `Shard.workspaces`. */
  workspaces(): AsyncGenerator<WorkspaceId> {
    return this.#serving().workspaces();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    // Only for a faster start: everything is in the log, too.
    await this.#shard?.flush().catch((error: unknown) => this.#goDown(error));
    await this.#shard?.close();
  }

  #serving(): Shard {
    if (this.#shard === undefined) throw new ShardDownError(`shard ${this.#index} is down`, { cause: this.#problem });
    return this.#shard;
  }

  #goDown(error: unknown): void {
    const problem = error instanceof Error ? error : new Error(String(error));
    const isNews = this.#problem?.message !== problem.message;
    this.#problem = problem;
    if (isNews) this.#events.down(problem);
    this.#scheduleRetry(FIRST_RETRY_MS);
  }

  #scheduleRetry(delayMs: number): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#reopen(delayMs), delayMs);
  }

  async #reopen(delayMs: number): Promise<void> {
    try {
      const shard = await Shard.open(this.#index, this.#dir, this.#writeBufferBytes);
      if (this.#closed) {
        await shard.close();
        return;
      }
      this.#shard = shard;
      this.#problem = undefined;
      this.#events.up();
    } catch (error) {
      this.#goDown(error);
      this.#scheduleRetry(Math.min(2 * delayMs, LAST_RETRY_MS));
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
