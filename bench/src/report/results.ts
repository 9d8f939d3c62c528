import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chartOf } from './chart.ts';
import type { Comparison } from './comparison.ts';
import { tablesOf } from './table.ts';

/** Writes `latest.json`, `latest.md` and `latest.svg` there. */
export async function writeResults(directory: string, comparison: Comparison): Promise<void> {
  await mkdir(directory, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  await write('latest.json', `${JSON.stringify(comparison, null, 2)}\n`);
  await write('latest.svg', chartOf(comparison.workloads));
  await write('latest.md', `# The last run of make bench\n\n![chart](latest.svg)\n\n${tablesOf(comparison)}\n`);
}
