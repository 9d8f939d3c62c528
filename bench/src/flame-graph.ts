import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { cpuProfile, flameGraphOf } from './report/flame-graph.ts';

const [directory = ''] = new Command('flame-graph')
  .description('Draws the newest CPU profile (.cpuprofile) of a directory as a flame graph, an SVG beside it.')
  .argument('<directory>')
  .parse().args;

// Their names begin with the date.
const newest = (await readdir(directory))
  .filter((name) => name.endsWith('.cpuprofile'))
  .toSorted()
  .at(-1);
if (newest === undefined) {
  process.stderr.write(`there is no .cpuprofile in ${directory}\n`);
  process.exitCode = 1;
} else {
  const file = join(directory, newest);
  const svg = file.replace(/cpuprofile$/, 'svg');
  await writeFile(svg, flameGraphOf(cpuProfile.parse(JSON.parse(await readFile(file, 'utf8')))));
  process.stdout.write(`${file}, for speedscope.app or the inspector of a browser\n${svg}, a flame graph\n`);
}
