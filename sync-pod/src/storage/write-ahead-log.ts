import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type RocksDB from 'rocksdb-native';

/**
 * Makes what RocksDB wrote to its write-ahead log survive a crash of the machine. rocksdb-native has no synced writes, so
 * after each batch the log's current file is synced; when it is a new one, the old one and the directory are synced too.
 */
export class WriteAheadLog {
  readonly #db: RocksDB;
  readonly #dir: string;
  #current: { number: number; file: FileHandle } | undefined;

  constructor(db: RocksDB, dir: string) {
    this.#db = db;
    this.#dir = dir;
  }

  /** Resolves when every batch written before the call is on disk. Not to be called while another call is under way. */
  async sync(): Promise<void> {
    const { number, path } = await this.#db.currentWalFile();
    if (this.#current?.number !== number) await this.#follow(number, path);
    await this.#current?.file.datasync();
  }

  async close(): Promise<void> {
    await this.#current?.file.close();
    this.#current = undefined;
  }

  async #follow(number: number, path: string): Promise<void> {
    const previous = this.#current?.file;
    this.#current = { number, file: await open(join(this.#dir, path), 'r') };
    await previous?.datasync();
    await previous?.close();
    const directory = await open(this.#dir, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
