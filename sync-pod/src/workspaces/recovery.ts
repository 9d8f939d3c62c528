import type { WorkspaceId } from '@etherply/protocol';
import { MissingPayloadError, type Stream, StreamUnavailableError } from '../replication/stream.ts';
import type { SupervisedShard } from '../storage/supervised-shard.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { Background } from './background.ts';
import type { Shards } from './shards.ts';

const RETRY_MS = 1000;

interface Edge {
  /** Keeps a workspace open for as long as `work` takes. */
  readonly use: (id: WorkspaceId, work: (workspace: Workspace) => void) => Promise<void>;
  readonly isClosing: () => boolean;
}

/** Has workspaces published of which the stream may lack something. */
export class Recovery {
  readonly #shards: Shards;
  readonly #stream: Stream;
  readonly #background: Background;
  readonly #edge: Edge;
  /** Those of which the stream lacks something, as far as they have been opened. */
  readonly #lost = new Set<WorkspaceId>();

  constructor(shards: Shards, stream: Stream, background: Background, edge: Edge) {
    this.#shards = shards;
    this.#stream = stream;
    this.#background = background;
    this.#edge = edge;
  }

  /** Has an open workspace published in the background, where it needs it and the stream can be reached. */
  look(workspace: Workspace): void {
    const { id } = workspace;
    // What has broken down is told of already, and must not hold up the others.
    if (!workspace.isLost || workspace.isDown) this.#lost.delete(id);
    else this.#lost.add(id);
    if (!this.#lost.has(id) || !this.#stream.isConnected) return;
    this.#background.begin(id, 'recovery', async (one) => {
      try {
        await one.recover(this.#shards.of(id).shard);
      } catch (error) {
        if (!(error instanceof MissingPayloadError)) throw error;
        this.#lost.delete(id); // it is looked at again, and must not hold up the others
      }
      if (!one.isLost) this.#lost.delete(id);
    });
  }

  /** Resolves when nothing of a shard is waiting to be published. @throws StreamUnavailableError, ShardDownError */
  async finished(shard: SupervisedShard): Promise<void> {
    for (;;) {
      await this.#background.idle();
      const left = [...this.#lost].filter((id) => this.#shards.of(id).shard === shard);
      if (left.length === 0 || this.#edge.isClosing()) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      if (!this.#stream.isConnected) throw new StreamUnavailableError('it is away again');
      for (const id of left) await this.#edge.use(id, (workspace) => this.look(workspace));
    }
  }
}
