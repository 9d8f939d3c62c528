// Writes docs/configuration.md, docs/operator-reference.md and the tables of docs/protocol.md; run after `npm run build`.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { renderCrdDoc } from '../operator/dist/api/crd-doc.js';
import { fillProtocolDoc } from '../protocol/dist/doc/protocol-doc.js';
import { configVariables } from '../sync-pod/dist/config/config.js';
import { renderConfigurationDoc } from '../sync-pod/dist/config/config-doc.js';
import { openApi } from '../sync-pod/dist/http/openapi.js';
import { STATUS } from '../sync-pod/dist/http/request.js';
import { restRoutes } from '../sync-pod/dist/http/rest-routes.js';

const docs = new URL('../docs/', import.meta.url);
await mkdir(docs, { recursive: true });
await writeFile(new URL('configuration.md', docs), renderConfigurationDoc());
await writeFile(new URL('operator-reference.md', docs), renderCrdDoc());

const protocol = new URL('protocol.md', docs);
const routes = restRoutes({}); // only described, not called
const { paths } = openApi(routes, '');
const facts = { statuses: STATUS, routes, paths, variables: configVariables };
await writeFile(protocol, fillProtocolDoc(await readFile(protocol, 'utf8'), facts));
