import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import RocksDB from 'rocksdb-native';
import { WriteAheadLog } from '../src/storage/write-ahead-log.ts';

let dir: string;
let db: RocksDB;
let log: WriteAheadLog;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'etherply-wal-'));
  const walRecoveryMode = RocksDB.constants.walRecoveryMode.TOLERATE_CORRUPTED_TAIL_RECORDS;
  db = new RocksDB(dir, { walRecoveryMode, writeBufferSize: 256 * 1024 });
  await db.ready();
  log = new WriteAheadLog(db, dir);
});
afterEach(async () => {
  await log.close();
  await db.close({ force: true });
  await rm(dir, { recursive: true });
});

async function write(key: string, bytes: number): Promise<void> {
  const batch = db.write({ capacity: 1, autoDestroy: true });
  batch.tryPut(Buffer.from(key), Buffer.alloc(bytes, key));
  await batch.flush();
}

/** The log files that are open for reading only: RocksDB opens them to write. */
async function syncedFiles(): Promise<string[]> {
  const found: string[] = [];
  for (const fd of await readdir('/proc/self/fd')) {
    // Where there is nothing it has been closed meanwhile.
    const path = await readlink(`/proc/self/fd/${fd}`).catch(() => '');
    const info = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '');
    const flags = /^flags:\s+(\d+)$/m.exec(info)?.[1];
    if (!path.startsWith(dir) || !path.endsWith('.log') || flags === undefined) continue;
    if (Number.parseInt(flags, 8) % 4 === 0) found.push(basename(path));
  }
  return found;
}

async function current(): Promise<string> {
  return basename((await db.currentWalFile()).path);
}

test('what is synced is the file that has the batch, through all changes of the file', async () => {
  const files = new Set<string>();
  for (let n = 0; n < 120; n += 1) {
    await write(`key-${n}`, 1 + (n % 7) * 5000);
    await log.sync();
    expect(await syncedFiles()).toEqual([await current()]);
    files.add(await current());
  }
  expect(files.size).toBeGreaterThan(3);
});

test('a file that was begun while nothing was written is followed, also where the first one grew before', async () => {
  await write('first', 1000);
  await log.sync();
  for (let n = 0; n < 6; n += 1) {
    // None, one and two in the file that is followed: right after it was opened its size must be known.
    for (let i = 0; i < n % 3; i += 1) {
      await write(`a-${n}-${i}`, 1000);
      await log.sync();
    }
    const before = await current();
    await db.flush();
    await write(`c-${n}`, 10);
    await log.sync();
    expect(await current()).not.toBe(before);
    expect(await syncedFiles()).toEqual([await current()]);
  }
});

test('where nothing was written since, a sync is of the current file still', async () => {
  await write('a', 10);
  await log.sync();
  await log.sync();
  expect(await syncedFiles()).toEqual([await current()]);
  await db.flush();
  await log.sync();
  expect(await syncedFiles()).toEqual([await current()]);
});
