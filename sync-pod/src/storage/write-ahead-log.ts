import { fstatSync } from 'node:fs';
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
  /** Of the current file, in bytes, when it was last looked at. */
  #size = 0;

  constructor(db: RocksDB, dir: string) {
    this.#db = db;
    this.#dir = dir;
  }

  /** Resolves when every batch written before the call is on disk. Not to be called while another call is under way. */
  async sync(): Promise<void> {
    if (!this.#hasGrown()) await this.#follow();
    await this.#current?.file.datasync();
  }

  async close(): Promise<void> {
    await this.#current?.file.close();
    this.#current = undefined;
  }

  /**
   * Where the file has grown, what was written since the last look is in it: RocksDB appends a batch whole to one file before it
   * says that it is written, and nobody else writes. To ask RocksDB for its file would take a turn of its threads each time.
   */
  #hasGrown(): boolean {
    if (this.#current === undefined) return false;
    const { size } = fstatSync(this.#current.file.fd);
    const hasGrown = size > this.#size;
    this.#size = size;
    return hasGrown;
  }

  async #follow(): Promise<void> {
    const { number, path } = await this.#db.currentWalFile();
    if (this.#current?.number === number) return;
    const previous = this.#current?.file;
    const file = await open(join(this.#dir, path), 'r');
    this.#current = { number, file };
    this.#size = fstatSync(file.fd).size;
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
