import { join } from 'node:path';
import type { WorkspaceId } from '@etherply/protocol';
import RocksDB from 'rocksdb-native';
import {
  archiveKey,
  checkpointKey,
  chunkKey,
  FIRST_WORKSPACE,
  hourOf,
  logKey,
  manifestKey,
  OUTBOX_RANGE,
  outboxKey,
  outboxWorkspaceOf,
  positionOf,
  STREAM_KEY,
  usageKey,
  workspaceOf,
} from './key-layout.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

/** A record on its way into the log, or out of it. */
export interface LogEntry {
  readonly workspace: WorkspaceId;
  readonly position: number;
  readonly envelope: Uint8Array;
}

/** Something to be written durably. */
export type Write =
  | ({ readonly kind: 'record' } & LogEntry)
  /** A part of the snapshot at `position`; of no effect until its manifest is written. */
  | {
      readonly kind: 'chunk';
      readonly workspace: WorkspaceId;
      readonly position: number;
      readonly index: number;
      readonly bytes: Uint8Array;
    }
  /** A piece of history; of no effect until a manifest is written that says so. */
  | { readonly kind: 'archive'; readonly workspace: WorkspaceId; readonly index: number; readonly bytes: Uint8Array }
  /** Makes the snapshot at `position` the current one: records up to there, earlier snapshots and earlier pieces of history go. */
  | {
      readonly kind: 'manifest';
      readonly workspace: WorkspaceId;
      readonly position: number;
      readonly archiveFrom: number;
      readonly bytes: Uint8Array;
    }
  /** Removes all that there is of a workspace, but for its usage and its checkpoint. */
  | { readonly kind: 'clearing'; readonly workspace: WorkspaceId }
  /** Whether the workspace has records that the stream may not have yet. */
  | { readonly kind: 'outbox'; readonly workspace: WorkspaceId; readonly isEmpty: boolean }
  /** Up to where the workspace has taken in what the stream holds of it. */
  | { readonly kind: 'checkpoint'; readonly workspace: WorkspaceId; readonly bytes: Uint8Array }
  /** Up to where this shard knows the stream. */
  | { readonly kind: 'stream'; readonly bytes: Uint8Array }
  /** How much a workspace was used in one hour, counted from the Unix epoch. */
  | { readonly kind: 'usage'; readonly workspace: WorkspaceId; readonly hour: number; readonly bytes: Uint8Array };

const NOTHING = Buffer.alloc(0);
const AFTER_ALL = Buffer.from([0xff]);

/** A shard that cannot serve, with what a person can do about it. */
export class ShardError extends Error {
  constructor(index: number, dir: string, what: string, cause: unknown) {
    super(`shard ${index} (${dir}) ${what}`, { cause });
    this.name = 'ShardError';
  }
}

/** One RocksDB instance with the logs and snapshots of its workspaces. */
export class Shard {
  readonly #db: RocksDB;
  readonly #name: { index: number; dir: string };
  readonly #wal: WriteAheadLog;

  private constructor(db: RocksDB, dir: string, name: { index: number; dir: string }) {
    this.#db = db;
    this.#name = name;
    this.#wal = new WriteAheadLog(db, dir);
  }

  /**
   * @throws ShardError where the data cannot be read whole: records that were acked must not be left out in silence
   */
  static async open(index: number, shardDir: string, writeBufferBytes: number): Promise<Shard> {
    const dir = join(shardDir, 'rocksdb');
    const db = new RocksDB(dir, {
      writeBufferSize: writeBufferBytes,
      // An unfinished record at the very end was never acked; anything else that is unreadable is an error.
      walRecoveryMode: RocksDB.constants.walRecoveryMode.TOLERATE_CORRUPTED_TAIL_RECORDS,
    });
    const shard = new Shard(db, dir, { index, dir: shardDir });
    try {
      await db.ready();
    } catch (error) {
      throw new ShardError(index, shardDir, `cannot be opened: ${reason(error)}. ${advice(reason(error))}`, error);
    }
    return shard;
  }

  /** Makes all writes in one batch, in this order; resolves when they are synced. One call at a time. */
  async append(writes: readonly Write[]): Promise<void> {
    const batch = this.#db.write({ capacity: writes.length, autoDestroy: true });
    for (const write of writes) {
      if (write.kind === 'stream') {
        batch.tryPut(STREAM_KEY, write.bytes);
        continue;
      }
      const { workspace } = write;
      switch (write.kind) {
        case 'record':
          batch.tryPut(logKey(workspace, write.position), write.envelope);
          break;
        case 'chunk':
          batch.tryPut(chunkKey(workspace, write.position, write.index), write.bytes);
          break;
        case 'archive':
          batch.tryPut(archiveKey(workspace, write.index), write.bytes);
          break;
        case 'manifest':
          batch.tryPut(manifestKey(workspace), write.bytes);
          batch.tryDeleteRange(logKey(workspace, 0), logKey(workspace, write.position + 1));
          batch.tryDeleteRange(chunkKey(workspace, 0, 0), chunkKey(workspace, write.position, 0));
          batch.tryDeleteRange(archiveKey(workspace, 0), archiveKey(workspace, write.archiveFrom));
          break;
        case 'clearing':
          batch.tryDelete(manifestKey(workspace));
          batch.tryDeleteRange(logKey(workspace, 0), logKey(workspace, Number.MAX_SAFE_INTEGER));
          batch.tryDeleteRange(chunkKey(workspace, 0, 0), chunkKey(workspace, Number.MAX_SAFE_INTEGER, 0));
          batch.tryDeleteRange(archiveKey(workspace, 0), archiveKey(workspace, Number.MAX_SAFE_INTEGER));
          break;
        case 'outbox':
          if (write.isEmpty) batch.tryDelete(outboxKey(workspace));
          else batch.tryPut(outboxKey(workspace), NOTHING);
          break;
        case 'checkpoint':
          batch.tryPut(checkpointKey(workspace), write.bytes);
          break;
        case 'usage':
          batch.tryPut(usageKey(workspace, write.hour), write.bytes);
      }
    }
    await batch.flush();
    await this.#wal.sync();
  }

  /** The manifest of a workspace's current snapshot, where it has one. */
  manifest(workspace: WorkspaceId): Promise<Uint8Array | undefined> {
    return this.#get(workspace, manifestKey(workspace));
  }

  /** The checkpoint of a workspace, where it has one. */
  checkpoint(workspace: WorkspaceId): Promise<Uint8Array | undefined> {
    return this.#get(workspace, checkpointKey(workspace));
  }

  /** The workspaces with records that the stream may not have yet. */
  async unpublishedWorkspaces(): Promise<Set<WorkspaceId>> {
    const found = new Set<WorkspaceId>();
    for await (const { key } of this.#scan('the outbox', OUTBOX_RANGE, 128)) found.add(outboxWorkspaceOf(key));
    return found;
  }

  /** Whether the workspace is one of {@link unpublishedWorkspaces}. */
  async isUnpublished(workspace: WorkspaceId): Promise<boolean> {
    return (await this.#get(workspace, outboxKey(workspace))) !== undefined;
  }

  /** Up to where this shard knows the stream, where it knows one. */
  knownStream(): Promise<Uint8Array | undefined> {
    return this.#get('the stream position', STREAM_KEY);
  }

  /** Every workspace of which there is anything, in the order of their names. */
  async *workspaces(): AsyncGenerator<WorkspaceId> {
    for (let from: Buffer = FIRST_WORKSPACE; ; ) {
      let found: ReturnType<typeof workspaceOf> | undefined;
      for await (const { key } of this.#scan('the workspaces', { gte: from, lt: AFTER_ALL }, 1)) {
        found = workspaceOf(key);
        break;
      }
      if (found === undefined) return;
      yield found.workspace;
      from = found.after;
    }
  }

  /** The chunks of the snapshot at `position` with an index from `first` on and below `end`. */
  chunks(workspace: WorkspaceId, position: number, first: number, end: number): AsyncGenerator<Uint8Array> {
    const range = { gte: chunkKey(workspace, position, first), lt: chunkKey(workspace, position, end) };
    return this.#pieces(workspace, range, end - first);
  }

  /** The pieces of history with an index from `first` on and below `end`. */
  archive(workspace: WorkspaceId, first: number, end: number): AsyncGenerator<Uint8Array> {
    const range = { gte: archiveKey(workspace, first), lt: archiveKey(workspace, end) };
    return this.#pieces(workspace, range, end - first);
  }

  /** The usage of a workspace in the hours from `first` on and before `end`, in order; hours without any are left out. */
  async *usage(
    workspace: WorkspaceId,
    first: number,
    end: number,
  ): AsyncGenerator<{ hour: number; bytes: Uint8Array }> {
    const range = { gte: usageKey(workspace, first), lt: usageKey(workspace, end) };
    for await (const { key, value } of this.#scan(workspace, range, 128)) yield { hour: hourOf(key), bytes: value };
  }

  /** The records of a workspace after `position`, in order and without a gap. */
  async *records(workspace: WorkspaceId, position: number): AsyncGenerator<LogEntry> {
    const range = { gte: logKey(workspace, position + 1), lt: manifestKey(workspace) };
    let expected = position + 1;
    for await (const { key, value } of this.#scan(workspace, range, 128)) {
      if (positionOf(key) !== expected) throw this.#unreadable(workspace, new Error(`record ${expected} is missing`));
      yield { workspace, position: expected, envelope: value };
      expected += 1;
    }
  }

  /** Writes what the log holds into tables, so that the next start has no log to read. */
  flush(): Promise<void> {
    return this.#db.flush();
  }

  async close(): Promise<void> {
    await this.#wal.close();
    await this.#db.close({ force: true });
  }

  async *#pieces(workspace: WorkspaceId, range: { gte: Buffer; lt: Buffer }, expected: number) {
    let count = 0;
    for await (const { value } of this.#scan(workspace, range, 4)) {
      count += 1;
      yield value;
    }
    if (count !== expected) {
      throw this.#unreadable(workspace, new Error(`${expected - count} pieces of a snapshot are missing`));
    }
  }

  async #get(what: string, key: Buffer): Promise<Uint8Array | undefined> {
    try {
      return (await this.#db.get(key)) ?? undefined;
    } catch (error) {
      throw this.#unreadable(what, error);
    }
  }

  async *#scan(what: string, range: { gte: Buffer; lt: Buffer }, capacity: number) {
    try {
      yield* this.#db.iterator(range, { capacity });
    } catch (error) {
      throw this.#unreadable(what, error);
    }
  }

  #unreadable(what: string, error: unknown): ShardError {
    const { index, dir } = this.#name;
    return new ShardError(index, dir, `cannot read ${what}: ${reason(error)}. ${advice(reason(error))}`, error);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function advice(message: string): string {
  if (/corrupt|checksum|mismatch|missing/i.test(message)) {
    return 'Its files are damaged: restore the directory from a backup, or move it away to start this shard empty.';
  }
  if (/lock file|While lock/i.test(message)) {
    return 'Another process uses this directory: stop it, or give this pod a directory of its own.';
  }
  if (/no space/i.test(message)) return 'The disk is full: make room on it.';
  return 'Check that the directory exists, is writable and is whole.';
}
