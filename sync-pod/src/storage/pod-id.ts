import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DataDirError } from './data-dir.ts';
import { writeDurably } from './durable-file.ts';

const FILE = 'pod-id';
const podId = z.uuid();

/**
 * What names this pod to the others for as long as it has its volume; made where there is none yet.
 * @param dir is there already
 * @throws DataDirError where the file is damaged
 */
export async function readPodId(dir: string): Promise<string> {
  const path = join(dir, FILE);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) {
    const id = randomUUID();
    await writeDurably(path, `${id}\n`);
    return id;
  }
  const found = podId.safeParse(text.trim());
  if (!found.success) throw new DataDirError(`${path} is damaged: delete it, and the pod gets a full copy again.`);
  return found.data;
}
