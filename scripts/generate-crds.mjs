// Writes crds/; run after `npm run build`.
import { mkdir, writeFile } from 'node:fs/promises';
import { crdText } from '../operator/dist/api/crd-text.js';

const crds = new URL('../crds/', import.meta.url);
await mkdir(crds, { recursive: true });
await writeFile(new URL('etherplyclusters.yaml', crds), crdText());
