import type { WorkspaceId } from '@etherply/protocol';
import { Encoder } from 'cbor-x';
import { z } from 'zod';
import type { Committer } from '../storage/commit-loop.ts';
import type { Write } from '../storage/shard.ts';

const HOUR_MS = 3_600_000;
const cbor = new Encoder({ useRecords: false });
const storedForm = z.tuple([z.int(), z.int(), z.int()]);

/** What clients sent to a workspace. */
export interface Used {
  readonly messages: number;
  readonly ops: number;
  readonly bytes: number;
}

/** Where usage is kept. */
export interface UsageStore {
  usage(workspace: WorkspaceId, first: number, end: number): AsyncIterable<{ hour: number; bytes: Uint8Array }>;
  /** Asks for a turn of the commit loop of the workspace's shard. */
  schedule(workspace: WorkspaceId, committer: Committer): void;
}

/** What is stored of an hour of a workspace. */
interface Stored {
  readonly hour: number;
  readonly sum: Used;
}

interface Options {
  readonly store: UsageStore;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** How often what was counted is written, in milliseconds: a crash loses no more than that. */
  readonly flushMs: number;
}

/** Counts what clients send, an hour at a time, and keeps it. */
export class Usage {
  readonly #options: Options;
  readonly #timer: NodeJS.Timeout;
  /** Counted and not yet written. */
  #fresh = new Map<WorkspaceId, Map<number, { messages: number; ops: number; bytes: number }>>();
  /** What is stored of those that were written last. */
  #stored: ReadonlyMap<WorkspaceId, Stored> = new Map();
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: Options) {
    this.#options = options;
    this.#timer = setInterval(() => void this.flush(), options.flushMs);
    this.#timer.unref();
  }

  /** One message with so many ops and bytes. */
  count(workspace: WorkspaceId, ops: number, bytes: number): void {
    const hour = Math.floor(this.#options.now() / HOUR_MS);
    let hours = this.#fresh.get(workspace);
    if (hours === undefined) {
      hours = new Map();
      this.#fresh.set(workspace, hours);
    }
    const used = hours.get(hour);
    if (used === undefined) {
      hours.set(hour, { messages: 1, ops, bytes });
      return;
    }
    used.messages += 1;
    used.ops += ops;
    used.bytes += bytes;
  }

  /** The hours with any usage from the one of `startMs` to before `endMs`, oldest first. */
  async read(workspace: WorkspaceId, startMs: number, endMs: number): Promise<({ startMs: number } & Used)[]> {
    await this.flush();
    const hours: ({ startMs: number } & Used)[] = [];
    const [first, end] = [Math.floor(startMs / HOUR_MS), Math.ceil(endMs / HOUR_MS)];
    for await (const { hour, bytes } of this.#options.store.usage(workspace, first, end)) {
      hours.push({ startMs: hour * HOUR_MS, ...decode(bytes) });
    }
    return hours;
  }

  /** Resolves when what has been counted so far is written. What cannot be written now is written the next time. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  async #flush(): Promise<void> {
    const fresh = this.#fresh;
    this.#fresh = new Map();
    const stored = new Map<WorkspaceId, Stored>();
    const writing: Promise<void>[] = [];
    for (const [workspace, hours] of fresh) {
      for (const [hour, used] of hours) {
        try {
          // One after the other: ops use the same threads.
          const sum = add(await this.#storedOf(workspace, hour), used);
          stored.set(workspace, { hour, sum });
          const failed = () => {
            stored.delete(workspace);
            this.#recount(workspace, hour, used);
          };
          writing.push(this.#write(workspace, hour, sum, failed));
        } catch {
          this.#recount(workspace, hour, used); // the shard has said why
        }
      }
    }
    // Of those that have been idle since, nothing is kept in memory.
    this.#stored = stored;
    await Promise.all(writing);
  }

  async #storedOf(workspace: WorkspaceId, hour: number): Promise<Used> {
    const known = this.#stored.get(workspace);
    if (known?.hour === hour) return known.sum;
    for await (const { bytes } of this.#options.store.usage(workspace, hour, hour + 1)) return decode(bytes);
    return { messages: 0, ops: 0, bytes: 0 };
  }

  #write(workspace: WorkspaceId, hour: number, { messages, ops, bytes }: Used, failed: () => void): Promise<void> {
    const row = Uint8Array.from(cbor.encode([messages, ops, bytes]));
    return new Promise((resolve) => {
      const giveUp = () => {
        failed();
        resolve();
      };
      this.#options.store.schedule(workspace, {
        takeTurn: (): readonly Write[] => [{ kind: 'usage', workspace, hour, bytes: row }],
        turnCommitted: resolve,
        turnFailed: giveUp,
        turnBroken: giveUp,
      });
    });
  }

  #recount(workspace: WorkspaceId, hour: number, used: Used): void {
    const hours = this.#fresh.get(workspace) ?? new Map();
    hours.set(hour, add(hours.get(hour) ?? { messages: 0, ops: 0, bytes: 0 }, used));
    this.#fresh.set(workspace, hours);
  }
}

function add(a: Used, b: Used): { messages: number; ops: number; bytes: number } {
  return { messages: a.messages + b.messages, ops: a.ops + b.ops, bytes: a.bytes + b.bytes };
}

function decode(bytes: Uint8Array): Used {
  const [messages, ops, used] = storedForm.parse(cbor.decode(bytes));
  return { messages, ops, bytes: used };
}
