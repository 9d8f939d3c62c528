import type { WorkspaceId } from '@etherply/protocol';
import type { Stream } from '../replication/stream.ts';
import type { HistoryWork } from '../strategy/history.ts';
import { Compaction, CompactionFailed } from '../workspace/state/compaction.ts';
import type { Background } from './background.ts';
import type { Shards } from './shards.ts';

/** For so long a workspace is waited for: others have to be compacted, too. */
const PATIENCE_MS = 5000;

interface Options {
  /** Where other pods have the workspaces, too. */
  readonly stream: Stream | undefined;
  readonly historyWork: HistoryWork;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly compacted: (id: WorkspaceId) => void;
  readonly isClosing: () => boolean;
}

/** Has workspaces compacted in the background. */
export class Compactions {
  readonly #shards: Shards;
  readonly #background: Background;
  readonly #options: Options;

  constructor(shards: Shards, background: Background, options: Options) {
    this.#shards = shards;
    this.#background = background;
    this.#options = options;
  }

  /** Has one compacted, unless that is waiting or under way, or cannot be done now. */
  begin(id: WorkspaceId): void {
    const { stream, historyWork, now, compacted, isClosing } = this.#options;
    // What is published only when the stream can be reached again must stay in the log until then.
    if (stream?.isConnected === false) return;
    this.#background.begin(id, 'compaction', async (workspace) => {
      const { shard, loop } = this.#shards.of(id);
      await new Compaction(id, workspace.state, {
        source: shard,
        pack: (...input) => historyWork.pack(...input),
        between: (work) => inTime(workspace.between(work), `${id} has been busy for too long`),
        schedule: (one) => (isClosing() ? one.turnFailed() : loop.schedule(one)),
        whenPublished: async (position) => {
          if (!(await workspace.whenPublished(position)))
            throw new CompactionFailed(`the stream lacks records of ${id}`);
        },
        now,
      }).run();
      compacted(id);
    });
  }
}

/** @throws CompactionFailed where it takes too long */
async function inTime<T>(work: Promise<T>, problem: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CompactionFailed(problem)), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
