import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chartOf } from './chart.ts';
import type { Comparison } from './comparison.ts';
import { tablesOf } from './table.ts';

const BEGIN = '<!-- results -->';
const END = '<!-- end of results -->';

/** Writes `latest.json`, `latest.md` and `latest.svg` there. */
export async function writeResults(directory: string, comparison: Comparison): Promise<void> {
  await mkdir(directory, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  await write('latest.json', `${JSON.stringify(comparison, null, 2)}\n`);
  await write('latest.svg', chartOf(comparison.workloads));
  await write('latest.md', `# The last run of make bench\n\n![chart](latest.svg)\n\n${tablesOf(comparison)}\n`);
}

/** Puts the tables where a Markdown file has marks for them. @throws where it has none */
export async function writeTables(file: string, comparison: Comparison): Promise<void> {
  await writeFile(file, withTables(await readFile(file, 'utf8'), tablesOf(comparison)));
}

/** The text with these tables between its marks, a level below its own headings. */
export function withTables(text: string, tables: string): string {
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`there is no ${BEGIN} with ${END} after it`);
  return `${before}${BEGIN}\n\n${tables.replaceAll(/^## /gm, '### ')}\n\n${END}${after}`;
}
