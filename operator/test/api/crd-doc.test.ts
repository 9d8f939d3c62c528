import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { clusterSpec } from '../../src/api/cluster.ts';
import { renderCrdDoc } from '../../src/api/crd-doc.ts';

test('docs/operator-reference.md is what the schema says; `npm run docs` writes it', async () => {
  const file = new URL('../../../docs/operator-reference.md', import.meta.url);
  expect(await readFile(file, 'utf8')).toBe(renderCrdDoc());
});

test('it has every field of the spec, with types, defaults, what is required, and the rules', () => {
  const text = renderCrdDoc();
  for (const field of Object.keys(clusterSpec.shape)) expect(text).toMatch(new RegExp(`\`spec\\.${field}[\`.]`));
  expect(text).toMatch(/^\| `spec\.replicas` \| integer, 1 to 99 \| `3` \| How many sync pods/m);
  expect(text).toMatch(/^\| `spec\.auth\.secretRef\.name` \| string \| \*\*required\*\* \|/m);
  expect(text).toMatch(/^\| `spec\.regions\.others\[\]\.domain` \| string \| {2}\|/m);
  expect(text).toMatch(/^- `spec\.storage\.shards`: cannot be changed: /m);
  expect(text).not.toMatch(/undefined|\[object/);
});
