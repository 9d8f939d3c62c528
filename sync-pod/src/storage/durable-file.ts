import { open, rename } from 'node:fs/promises';

/** Writes a small file so that after a crash it is there as a whole or not at all. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
