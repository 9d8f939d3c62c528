// Writes what follows from the chart's values.schema.json and templates: values.yaml, the table of its README and
// manifests/base. With --check it writes nothing, and names what is not as it should be.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { manifestTexts } from './chart/manifests.mjs';
import { valuesTable, valuesText } from './chart/values.mjs';
import { goPrograms } from './tools.mjs';

const chart = new URL('../helm/etherply/', import.meta.url);
const base = new URL('../manifests/base/', import.meta.url);
const TABLE = /(?<=<!-- values: generated[^>]*-->\n)[\s\S]*(?=<!-- end of values -->)/;

const check = process.argv.includes('--check');
const stale = [];
const schema = JSON.parse(await readFile(new URL('values.schema.json', chart), 'utf8'));
const readme = new URL('README.md', chart);
await write(new URL('values.yaml', chart), valuesText(schema));
await write(
  readme,
  (await readFile(readme, 'utf8')).replace(TABLE, () => `\n${valuesTable(schema)}\n`),
);
const { helm } = await goPrograms('helm');
for (const [name, text] of Object.entries(await manifestTexts(helm, fileURLToPath(chart)))) {
  await write(new URL(name, base), text);
}
if (stale.length > 0) {
  process.stderr.write(`not what it is generated from; run \`npm run chart\`:\n${stale.join('\n')}\n`);
  process.exitCode = 1;
}

/**
 * @param {URL} file
 * @param {string} text
 */
async function write(file, text) {
  if (!check) return writeFile(file, text);
  const present = await readFile(file, 'utf8').catch(() => '');
  if (present !== text) stale.push(fileURLToPath(file));
}
