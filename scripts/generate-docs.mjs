// Writes docs/configuration.md; run after `npm run build`.
import { mkdir, writeFile } from 'node:fs/promises';
import { renderConfigurationDoc } from '../sync-pod/dist/config/config-doc.js';

const docs = new URL('../docs/', import.meta.url);
await mkdir(docs, { recursive: true });
await writeFile(new URL('configuration.md', docs), renderConfigurationDoc());
