/** A workspace that may have missed something. */
interface Audited {
  /** Finds out, and fetches it. */
  audit(): Promise<void>;
}

/** So many are asked about at once. */
const PARALLEL = 8;

/**
 * Looks whether the stream has what no live message has told of: the last one before a rest may be lost on its way. All
 * workspaces in turn, so many at a time that NATS has little to do with it.
 */
export class Audit {
  readonly #all: () => Iterable<Audited>;
  readonly #eachTime: number;
  #next: Audited[] = [];
  #isRunning = false;

  constructor(all: () => Iterable<Audited>, eachTime: number) {
    this.#all = all;
    this.#eachTime = eachTime;
  }

  /** Goes on with those that have waited longest; to be called from time to time. */
  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      if (this.#next.length === 0) this.#next = [...this.#all()];
      const now = this.#next.splice(0, this.#eachTime);
      const one = async () => {
        for (let audited = now.pop(); audited !== undefined; audited = now.pop()) await audited.audit();
      };
      await Promise.all(Array.from({ length: PARALLEL }, one));
    } finally {
      this.#isRunning = false;
    }
  }
}
