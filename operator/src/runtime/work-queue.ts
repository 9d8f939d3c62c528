import { type BackoffOptions, backoffMs } from './backoff.ts';

/** What was done with a key, for metrics and the log. */
export interface Handled<Key extends string> {
  readonly key: Key;
  /** For so long it was waiting for its turn. */
  readonly waitedSeconds: number;
  readonly seconds: number;
  /** What `handle` threw, and when it is tried again. */
  readonly failure?: { readonly error: unknown; readonly retryMs: number };
}

export interface WorkQueueOptions<Key extends string> {
  /** Is never called for one key twice at the same time. When it throws, the key comes again. */
  readonly handle: (key: Key) => Promise<void>;
  /** So many keys are handled at once. */
  readonly concurrency: number;
  readonly backoff?: BackoffOptions;
  readonly onHandled?: (handled: Handled<Key>) => void;
}

const BACKOFF: BackoffOptions = { minMs: 250, maxMs: 120_000 };

/**
 * Keys that are to be handled. A key that is added while it waits is handled once; one that is added while it is handled is
 * handled again after that: so nothing that happened before the last time a key was handled has gone unseen.
 */
export class WorkQueue<Key extends string = string> {
  readonly #options: WorkQueueOptions<Key>;
  /** When they were added, in milliseconds; the first to come is the first to go. */
  readonly #waiting = new Map<Key, number>();
  readonly #running = new Map<Key, Promise<void>>();
  /** Keys that were added while they were being handled. */
  readonly #again = new Set<Key>();
  readonly #later = new Map<Key, { readonly at: number; readonly timer: NodeJS.Timeout }>();
  readonly #failures = new Map<Key, number>();
  #isStopped = false;

  constructor(options: WorkQueueOptions<Key>) {
    this.#options = options;
  }

  /** How many keys wait for their turn. */
  get depth(): number {
    return this.#waiting.size + this.#again.size;
  }

  /** For so many milliseconds the first key in the queue has been waiting for its turn; 0: there is none. */
  get longestWaitMs(): number {
    const [first] = this.#waiting.values();
    return first === undefined ? 0 : performance.now() - first;
  }

  /** Has a key handled as soon as there is room. */
  add(key: Key): void {
    if (this.#isStopped) return;
    this.#forget(key);
    if (this.#running.has(key)) this.#again.add(key);
    else if (!this.#waiting.has(key)) this.#waiting.set(key, performance.now());
    this.#startWaiting();
  }

  /** Adds a key after so long, unless it is added before. Of several times the earliest counts. */
  after(key: Key, ms: number): void {
    if (this.#isStopped) return;
    const at = performance.now() + ms;
    const planned = this.#later.get(key);
    if (planned !== undefined && planned.at <= at) return;
    this.#forget(key);
    this.#later.set(key, { at, timer: setTimeout(() => this.add(key), ms) });
  }

  /** Handles nothing more; resolves when nothing is being handled any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const key of [...this.#later.keys()]) this.#forget(key);
    this.#waiting.clear();
    this.#again.clear();
    await Promise.all(this.#running.values());
  }

  #startWaiting(): void {
    for (const [key, addedAt] of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      // Not before the key is known as running: what handles it may add it again at once.
      this.#running.set(
        key,
        Promise.resolve().then(() => this.#handle(key, addedAt)),
      );
    }
  }

  async #handle(key: Key, addedAt: number): Promise<void> {
    const started = performance.now();
    const failure = await this.#attempt(key);
    const ended = performance.now();
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#waiting.set(key, ended);
    else if (failure !== undefined) this.after(key, failure.retryMs);
    this.#options.onHandled?.({
      key,
      waitedSeconds: (started - addedAt) / 1000,
      seconds: (ended - started) / 1000,
      ...(failure && { failure }),
    });
    if (!this.#isStopped) this.#startWaiting();
  }

  async #attempt(key: Key): Promise<Handled<Key>['failure']> {
    try {
      await this.#options.handle(key);
      this.#failures.delete(key);
      return undefined;
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      return { error, retryMs: backoffMs(this.#options.backoff ?? BACKOFF, failures) };
    }
  }

  #forget(key: Key): void {
    clearTimeout(this.#later.get(key)?.timer);
    this.#later.delete(key);
  }
}
