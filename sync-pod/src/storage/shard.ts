import { join } from 'node:path';
import type { WorkspaceId } from '@etherply/protocol';
import RocksDB from 'rocksdb-native';
import { logKey, logRange, positionOf } from './key-layout.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

/** A record on its way into the log, or out of it. */
export interface LogEntry {
  readonly workspace: WorkspaceId;
  readonly position: number;
  readonly envelope: Uint8Array;
}

/** A shard that cannot serve, with what a person can do about it. */
export class ShardError extends Error {
  constructor(index: number, dir: string, what: string, cause: unknown) {
    super(`shard ${index} (${dir}) ${what}`, { cause });
    this.name = 'ShardError';
  }
}

/** One RocksDB instance with the logs of its workspaces. */
export class Shard {
  readonly #db: RocksDB;
  readonly #log: RocksDB;
  readonly #wal: WriteAheadLog;

  private constructor(db: RocksDB, dir: string) {
    this.#db = db;
    this.#log = db.columnFamily('log');
    this.#wal = new WriteAheadLog(db, dir);
  }

  /**
   * @throws ShardError where the data cannot be read whole: records that were acked must not be left out in silence
   */
  static async open(index: number, shardDir: string): Promise<Shard> {
    const dir = join(shardDir, 'rocksdb');
    const db = new RocksDB(dir, {
      columnFamilies: ['log', 'snapshot', 'meta', 'outbox'],
      // An unfinished record at the very end was never acked; anything else that is unreadable is an error.
      walRecoveryMode: RocksDB.constants.walRecoveryMode.TOLERATE_CORRUPTED_TAIL_RECORDS,
    });
    const shard = new Shard(db, dir);
    try {
      await db.ready();
    } catch (error) {
      throw new ShardError(index, shardDir, `cannot be opened: ${reason(error)}. ${advice(reason(error))}`, error);
    }
    return shard;
  }

  /** Writes all entries in one batch; resolves when they are synced. One call at a time. */
  async append(entries: readonly LogEntry[]): Promise<void> {
    const batch = this.#log.write({ capacity: entries.length, autoDestroy: true });
    for (const { workspace, position, envelope } of entries) batch.tryPut(logKey(workspace, position), envelope);
    await batch.flush();
    await this.#wal.sync();
  }

  /** The records of a workspace in the order of their positions. */
  async *read(workspace: WorkspaceId): AsyncGenerator<LogEntry> {
    for await (const { key, value } of this.#log.iterator(logRange(workspace), { capacity: 128 })) {
      yield { workspace, position: positionOf(key), envelope: value };
    }
  }

  async close(): Promise<void> {
    await this.#wal.close();
    await this.#db.close({ force: true });
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function advice(message: string): string {
  if (/corrupt|checksum|mismatch/i.test(message)) {
    return 'Its files are damaged: restore the directory from a backup, or move it away to start this shard empty.';
  }
  if (/lock file|While lock/i.test(message)) {
    return 'Another process uses this directory: stop it, or give this pod a directory of its own.';
  }
  if (/no space/i.test(message)) return 'The disk is full: make room on it.';
  return 'Check that the directory exists, is writable and is whole.';
}
