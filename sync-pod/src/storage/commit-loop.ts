import type { Write } from './shard.ts';

/** Makes writes durable; throws where it is uncertain whether they are. */
type Append = (writes: readonly Write[]) => Promise<void>;

/** Something that has writes to make durable: a workspace with its records, or a compaction. */
export interface Committer {
  /** Takes what is waiting, to be written all or not at all; undefined where there is nothing to write. */
  takeTurn(): readonly Write[] | undefined;
  /** Taking the turn threw this error; nothing of it is written. */
  turnBroken(error: unknown): void;
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
  #settling: (() => void)[] = [];

  constructor(append: Append, observer: CommitObserver) {
    this.#append = append;
    this.#observer = observer;
  }

  schedule(committer: Committer): void {
    this.#waiting.add(committer);
    this.#running ??= this.#run();
  }

  /** Writes these, as a turn of their own. @throws Error where they may not be durable */
  write(writes: readonly Write[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Error('the shard went down while it was written to'));
      this.schedule({ takeTurn: () => writes, turnBroken: reject, turnCommitted: resolve, turnFailed: failed });
    });
  }

  /** Resolves when all that is waiting or under way now has been committed, whatever comes meanwhile. */
  settled(): Promise<void> {
    if (this.#running === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#settling.push(resolve));
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      await endOfTurn(); // whatever else this turn of the event loop receives goes along
      const [turn, settling] = [[...this.#waiting], this.#settling];
      this.#waiting = new Set();
      this.#settling = [];
      await this.#commit(turn);
      for (const resolve of settling) resolve();
    }
    this.#running = undefined;
    for (const resolve of this.#settling.splice(0)) resolve();
  }

  async #commit(turn: readonly Committer[]): Promise<void> {
    const start = performance.now();
    const taken: Committer[] = [];
    const writes: Write[] = [];
    for (const committer of turn) {
      try {
        writes.push(...(committer.takeTurn() ?? []));
        taken.push(committer);
      } catch (error) {
        committer.turnBroken(error); // one that is broken must not take the others down
      }
    }
    try {
      if (writes.length > 0) await this.#append(writes);
    } catch {
      // The shard has said why when it went down.
      for (const committer of taken) committer.turnFailed();
      return;
    }
    this.#observer.committed(taken.length, (performance.now() - start) / 1000);
    for (const committer of taken) committer.turnCommitted();
  }
}

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
