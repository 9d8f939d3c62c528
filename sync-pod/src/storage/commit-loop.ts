import type { Write } from './shard.ts';

/** Makes writes durable; throws where it is uncertain whether they are. */
type Append = (writes: readonly Write[]) => Promise<void>;

/** Something that has writes to make durable: a workspace with its records, or a compaction. */
export interface Committer {
  /** Takes what is waiting as one write; undefined where there is nothing to write. */
  takeTurn(): Write | undefined;
  /** The write of the last turn is durable. */
  turnCommitted(): void;
  /** The write of the last turn may or may not be durable; the shard is down until it is opened again. */
  turnFailed(): void;
}

/** Told of each commit, for the metrics. */
export interface CommitObserver {
  committed(records: number, seconds: number): void;
}

/**
 * Group commit: collects all who have something to write, takes one write of each into one batch with one sync, and tells
 * them. While a sync is under way the next batch fills.
 */
export class CommitLoop {
  readonly #append: Append;
  readonly #observer: CommitObserver;
  #waiting = new Set<Committer>();
  #running: Promise<void> | undefined;

  constructor(append: Append, observer: CommitObserver) {
    this.#append = append;
    this.#observer = observer;
  }

  schedule(committer: Committer): void {
    this.#waiting.add(committer);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      await endOfTurn(); // whatever else this turn of the event loop receives goes along
      const turn = [...this.#waiting];
      this.#waiting = new Set();
      await this.#commit(turn);
    }
    this.#running = undefined;
  }

  async #commit(turn: readonly Committer[]): Promise<void> {
    const start = performance.now();
    const writes = turn.flatMap((committer) => committer.takeTurn() ?? []);
    try {
      if (writes.length > 0) await this.#append(writes);
    } catch {
      // The shard has said why when it went down.
      for (const committer of turn) committer.turnFailed();
      return;
    }
    this.#observer.committed(turn.length, (performance.now() - start) / 1000);
    for (const committer of turn) committer.turnCommitted();
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
