import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from './durable-file.ts';

/** What a data directory says of itself, so that directories are never mixed up, reordered or left out. */
const layout = z.object({ version: z.literal(1), set: z.string(), shards: z.int().min(1), index: z.int().min(0) });
type Layout = z.infer<typeof layout>;

const FILE = 'shard.json';

/** Directories that do not belong together in the way they were given. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
}

/**
 * Makes or checks the data directories, one for each shard, in the order in which they are given.
 * @throws DataDirError with what to do, where they do not fit
 */
export async function prepareDataDirs(dirs: readonly string[]): Promise<void> {
  const found = await Promise.all(dirs.map(readLayout));
  const known = found.find((one) => one !== undefined);
  for (const [index, dir] of dirs.entries()) {
    const one = found[index];
    if (one === undefined) {
      if (known !== undefined) {
        throw new DataDirError(
          `${dir} is empty, but other data directories are in use: is its volume mounted? If its data is lost, restore it from a backup.`,
        );
      }
    } else if (one.set !== known?.set || one.index !== index || one.shards !== dirs.length) {
      throw new DataDirError(
        `${dir} is shard ${one.index} of ${one.shards} (set ${one.set}), but ETHERPLY_DATA_DIRS has it as shard ${index} of ${dirs.length}: list the same directories in the same order as before.`,
      );
    }
  }
  if (known !== undefined) return;
  const set = randomUUID();
  for (const [index, dir] of dirs.entries()) await writeLayout(dir, { version: 1, set, shards: dirs.length, index });
}

async function readLayout(dir: string): Promise<Layout | undefined> {
  await mkdir(dir, { recursive: true });
  let text: string;
  try {
    text = await readFile(join(dir, FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return layout.parse(JSON.parse(text));
  } catch (cause) {
    throw new DataDirError(`${join(dir, FILE)} is damaged: restore it from a backup.`, { cause });
  }
}

async function writeLayout(dir: string, content: Layout): Promise<void> {
  await writeDurably(join(dir, FILE), `${JSON.stringify(content)}\n`);
}
