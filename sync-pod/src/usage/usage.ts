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
    this.#flushing = this.#flushing.then(async () => {
      const rows = [...this.#fresh].flatMap(([workspace, hours]) =>
        [...hours].map(([hour, used]) => ({ workspace, hour, used })),
      );
      this.#fresh = new Map();
      // Together, so that they share commits.
      const written = rows.map(async ({ workspace, hour, used }) => {
        if (!(await this.#add(workspace, hour, used))) this.#recount(workspace, hour, used);
      });
      await Promise.all(written);
    });
    return this.#flushing;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  /** Adds to what is stored of an hour; false where it could not be written. */
  async #add(workspace: WorkspaceId, hour: number, used: Used): Promise<boolean> {
    let before: Used = { messages: 0, ops: 0, bytes: 0 };
    try {
      for await (const row of this.#options.store.usage(workspace, hour, hour + 1)) before = decode(row.bytes);
    } catch {
      return false; // the shard has said why
    }
    const sum = [before.messages + used.messages, before.ops + used.ops, before.bytes + used.bytes];
    return new Promise((resolve) => {
      this.#options.store.schedule(workspace, {
        takeTurn: (): Write => ({ kind: 'usage', workspace, hour, bytes: Uint8Array.from(cbor.encode(sum)) }),
        turnCommitted: () => resolve(true),
        turnFailed: () => resolve(false),
        turnBroken: () => resolve(false),
      });
    });
  }

  #recount(workspace: WorkspaceId, hour: number, { messages, ops, bytes }: Used): void {
    const hours = this.#fresh.get(workspace) ?? new Map();
    const now = hours.get(hour) ?? { messages: 0, ops: 0, bytes: 0 };
    hours.set(hour, { messages: now.messages + messages, ops: now.ops + ops, bytes: now.bytes + bytes });
    this.#fresh.set(workspace, hours);
  }
}

function decode(bytes: Uint8Array): Used {
  const [messages, ops, used] = storedForm.parse(cbor.decode(bytes));
  return { messages, ops, bytes: used };
}
