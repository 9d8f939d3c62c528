// rocksdb-native has no declarations: what is used of it, read off its source (version 3.18).
declare module 'rocksdb-native' {
  interface Range {
    gt?: Uint8Array;
    gte?: Uint8Array;
    lt?: Uint8Array;
    lte?: Uint8Array;
  }
  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void;
    flush(): Promise<void>;
    destroy(): void;
  }
  interface WalFile {
    /** Relative to the database's directory. */
    path: string;
    number: number;
    size: number;
  }
  export default class RocksDB {
    constructor(path: string, options: { walRecoveryMode: number; maxOpenFiles?: number; writeBufferSize?: number });
    static readonly constants: { walRecoveryMode: { TOLERATE_CORRUPTED_TAIL_RECORDS: number } };
    ready(): Promise<void>;
    close(options?: { force?: boolean }): Promise<void>;
    iterator(
      range: Range,
      options?: { capacity?: number; limit?: number },
    ): AsyncIterable<{ key: Buffer; value: Buffer }>;
    get(key: Uint8Array): Promise<Buffer | null>;
    write(options?: { capacity?: number; autoDestroy?: boolean }): WriteBatch;
    flush(): Promise<void>;
    currentWalFile(): Promise<WalFile>;
  }
}
