import type { LogEntry } from './shard.ts';

/** Makes entries durable; throws where it is uncertain whether they are. */
type Append = (entries: readonly LogEntry[]) => Promise<void>;

/** Something that has ops to make durable: one workspace. */
export interface Committer {
  /** Takes all waiting ops as one record; undefined where none of them needs one. */
  takeTurn(): LogEntry | undefined;
  /** The record of the last turn is durable. */
  turnCommitted(): void;
  /** The record of the last turn may or may not be durable; the shard is down until it is opened again. */
  turnFailed(): void;
}

/** Told of each commit, for the metrics. */
export interface CommitObserver {
  committed(records: number, seconds: number): void;
}

/**
 * Group commit: collects the workspaces that have waiting ops, writes one record of each in one batch with one sync, and
 * tells them. While a sync is under way the next batch fills.
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
    const entries = turn.flatMap((committer) => committer.takeTurn() ?? []);
    try {
      if (entries.length > 0) await this.#append(entries);
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
