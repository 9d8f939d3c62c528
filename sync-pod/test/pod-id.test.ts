import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { DataDirError } from '../src/storage/data-dir.ts';
import { readPodId } from '../src/storage/pod-id.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'etherply-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('a pod has the same id for as long as it has its volume, and another one on another', async () => {
  const id = await readPodId(dir);
  expect(await readPodId(dir)).toBe(id);
  await rm(join(dir, 'pod-id'));
  expect(await readPodId(dir)).not.toBe(id);
});

test('the id of a damaged file is not made up', async () => {
  await readPodId(dir);
  const path = join(dir, 'pod-id');
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, 10));
  await expect(readPodId(dir)).rejects.toThrow(DataDirError);
});
