import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { fillProtocolDoc } from '../../../protocol/src/doc/protocol-doc.ts';
import { configVariables } from '../../src/config/config.ts';
import { openApi } from '../../src/http/openapi.ts';
import { STATUS } from '../../src/http/request.ts';
import { restRoutes } from '../../src/http/rest-routes.ts';

test('the tables of docs/protocol.md are what the schemas and routes say', () => {
  const written = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
  const routes = restRoutes({} as Parameters<typeof restRoutes>[0]); // only described, not called
  const { paths } = openApi(routes, '');
  expect(fillProtocolDoc(written, { statuses: STATUS, routes, paths, variables: configVariables })).toBe(written);
});
