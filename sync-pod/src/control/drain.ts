import { StreamUnavailableError } from '../replication/stream.ts';

/** What a drain does to the rest of the pod. */
interface Edge {
  /** How many clients are connected. */
  readonly connections: () => number;
  /** Sends so many of them to another pod. */
  readonly dismiss: (count: number) => void;
  /** Publishes what the stream lacks, of workspaces that are not open, too. @throws StreamUnavailableError */
  readonly publish: () => Promise<void>;
  /** How many workspaces have something that the stream may lack; null: not known. */
  readonly unpublished: () => Promise<number | null>;
  /** Something that should not happen has happened; it is tried again. */
  readonly failed: (error: unknown) => void;
}

const TICK_MS = 100;
const PUBLISH_AGAIN_MS = 1000;

/**
 * Takes a pod out of service without ending it: from `begin` on nothing new is taken in, clients are sent away bit by bit, and
 * then everything that is here is published. `resume` undoes it.
 */
export class Drain {
  readonly #edge: Edge;
  /** Stops the drain that is under way. */
  #ending: AbortController | undefined;
  /** When the last client is to be gone, as `performance.now()` says it. */
  #endMs = 0;

  constructor(edge: Edge) {
    this.#edge = edge;
  }

  /** Nothing new may be taken in. */
  get isDraining(): boolean {
    return this.#ending !== undefined;
  }

  /** @param seconds over which clients are sent away; where a drain is under way, it can only become shorter */
  begin(seconds: number): void {
    const endMs = performance.now() + seconds * 1000;
    if (this.#ending !== undefined) {
      this.#endMs = Math.min(this.#endMs, endMs);
      return;
    }
    this.#endMs = endMs;
    this.#ending = new AbortController();
    void this.#run(this.#ending.signal);
  }

  /** Serves again. Who has been sent away comes back by itself, or not. */
  resume(): void {
    this.#ending?.abort();
    this.#ending = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    await this.#dismissAll(signal);
    while (!signal.aborted) {
      try {
        if ((await this.#edge.unpublished()) === 0) return;
        if (!signal.aborted) await this.#edge.publish();
      } catch (error) {
        if (!(error instanceof StreamUnavailableError)) this.#edge.failed(error);
      }
      await pause(PUBLISH_AGAIN_MS);
    }
  }

  async #dismissAll(signal: AbortSignal): Promise<void> {
    let due = 0;
    for (let last = performance.now(); !signal.aborted && this.#edge.connections() > 0; ) {
      const now = performance.now();
      due += dueIn(this.#edge.connections(), now - last, this.#endMs - last);
      const count = Math.min(Math.floor(due), this.#edge.connections());
      due -= count;
      last = now;
      this.#edge.dismiss(count);
      await pause(TICK_MS);
    }
  }
}

/**
 * How many of `count` are to go in so much time, so that all have gone when what is left is over; a fraction counts for the next
 * time.
 */
export function dueIn(count: number, elapsedMs: number, leftMs: number): number {
  return elapsedMs >= leftMs ? count : (count * elapsedMs) / leftMs;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
