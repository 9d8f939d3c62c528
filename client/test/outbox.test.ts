import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { indexedDbOutbox, type Message, memoryOutbox, type Outbox } from '@etherply/client';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { IDBFactory } from 'fake-indexeddb';
import { fileOutbox } from '../src/outbox/file-outbox.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'etherply-outbox-'));
});
afterEach(() => rm(directory, { recursive: true }));

const message = (id: string, value = 1): Message => ({ id, ops: [{ key: 'k', value, timestamp: 1 }] });
const path = () => join(directory, 'outbox');

/** Each gives, again and again, an outbox on the same storage. */
const kinds: Record<string, () => () => Outbox> = {
  memory: () => {
    const outbox = memoryOutbox();
    return () => outbox;
  },
  IndexedDB: () => {
    const factory = new IDBFactory();
    return () => indexedDbOutbox('outbox', factory);
  },
  file: () => () => fileOutbox(path()),
};

describe.each(Object.entries(kinds))('an outbox in %s', (_, make) => {
  test('is empty at first', async () => {
    const outbox = make()();
    expect(await outbox.load()).toEqual([]);
    await outbox.close();
  });

  test('gives back in order what was put and not removed, in the next run', async () => {
    const open = make();
    const first = open();
    await first.load();
    // Not awaited one by one: they take effect in the order of the calls.
    void first.put(message('z'));
    void first.put(message('y'));
    void first.remove(['y']);
    void first.put(message('b', 2));
    void first.put(message('a'));
    void first.remove(['z', 'unknown']);
    await first.close();
    const second = open();
    expect(await second.load()).toEqual([message('b', 2), message('a')]);
    await second.put(message('c'));
    await second.remove(['b']);
    await second.close();
    const third = open();
    expect(await third.load()).toEqual([message('a'), message('c')]);
    await third.close();
  });
});

test('a file that ends with half a line is read up to there, and written on', async () => {
  const first = fileOutbox(path());
  await first.load();
  await first.put(message('a'));
  await first.close();
  await appendFile(path(), '{"put":{"id":"to');
  const second = fileOutbox(path());
  expect(await second.load()).toEqual([message('a')]);
  await second.put(message('b'));
  await second.close();
  const third = fileOutbox(path());
  expect(await third.load()).toEqual([message('a'), message('b')]);
  await third.close();
});

test('a message is in the file when put resolves', async () => {
  const outbox = fileOutbox(path());
  await outbox.load();
  await outbox.put(message('a'));
  expect(await readFile(path(), 'utf8')).toContain('"a"');
  await outbox.close();
});

test('a file does not grow with what is removed', async () => {
  const outbox = fileOutbox(path());
  await outbox.load();
  await outbox.put(message('stays'));
  for (let n = 0; n < 50; n += 1) {
    const ids = Array.from({ length: 100 }, (_, i) => `${n}-${i}`);
    await Promise.all(ids.map((id) => outbox.put(message(id))));
    await outbox.remove(ids);
  }
  await outbox.close();
  expect((await stat(path())).size).toBeLessThan(1000 * 100);
  const next = fileOutbox(path());
  expect(await next.load()).toEqual([message('stays')]);
  await next.close();
});

test('a file outbox whose directory is missing says so', async () => {
  const outbox = fileOutbox(join(directory, 'missing', 'outbox'));
  await expect(outbox.load()).rejects.toThrow('ENOENT');
  await expect(outbox.put(message('a'))).rejects.toThrow('is not open');
});

test('a file that is no outbox is left as it is', async () => {
  await appendFile(path(), 'important\n');
  await expect(fileOutbox(path()).load()).rejects.toThrow();
  expect(await readFile(path(), 'utf8')).toBe('important\n');
});
