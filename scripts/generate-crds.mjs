// Writes crds/ and the chart's copy; run after `npm run build`. A chart can hold no file from outside its folder.
import { mkdir, writeFile } from 'node:fs/promises';
import { crdText } from '../operator/dist/api/crd-text.js';

for (const folder of ['../crds/', '../helm/etherply/files/']) {
  const crds = new URL(folder, import.meta.url);
  await mkdir(crds, { recursive: true });
  await writeFile(new URL('etherplyclusters.yaml', crds), crdText());
}
