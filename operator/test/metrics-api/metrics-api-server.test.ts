import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type FrontProxy, frontProxyOf } from '../../src/metrics-api/front-proxy.ts';
import { MetricsApiServer } from '../../src/metrics-api/metrics-api-server.ts';
import { CertificateAuthority, type KeyPair } from '../control-plane/certificates.ts';
import { until } from '../control-plane/until.ts';

const PATH = '/apis/custom.metrics.k8s.io/v1beta2';

let dir: string;
let ca: CertificateAuthority;
let serving: CertificateAuthority;
let server: MetricsApiServer;
let failures: unknown[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'etherply-metrics-api-'));
  ca = await CertificateAuthority.create('front-proxy-ca');
  serving = await CertificateAuthority.create('serving-ca');
  await put(await serving.server('first'));
  failures = [];
  server = await MetricsApiServer.start({
    host: '127.0.0.1',
    port: 0,
    certFile: join(dir, 'tls.crt'),
    keyFile: join(dir, 'tls.key'),
    metrics: { inNamespace: () => [] },
    frontProxy: trusted(),
    reloadMs: 50,
    failed: (error) => failures.push(error),
  });
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true });
});

function trusted(allowedNames = ['front-proxy-client']): FrontProxy {
  return { ca: ca.cert, allowedNames };
}

async function put({ cert, key }: KeyPair): Promise<void> {
  await writeFile(join(dir, 'tls.crt'), cert);
  await writeFile(join(dir, 'tls.key'), key);
}

/** The status of the answer, and whose certificate the server has shown. */
async function ask(path: string, shown: KeyPair | undefined): Promise<{ status: number | undefined; name: unknown }> {
  const asked = request({ host: '127.0.0.1', port: server.port, path, agent: false, ca: serving.cert, ...shown });
  asked.end();
  const name = new Promise<unknown>((resolve) => {
    asked.on('socket', (socket) => {
      socket.on('secureConnect', () => resolve(socket instanceof TLSSocket && socket.getPeerCertificate().subject.CN));
    });
  });
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode, name: await name };
}

test('only the API server is answered, and health is told to everybody', async () => {
  const other = await CertificateAuthority.create('front-proxy-ca');
  const named = (name: string) => ({ name });
  expect(await ask(PATH, await ca.client(named('front-proxy-client')))).toMatchObject({ status: 200 });
  expect(await ask(PATH, undefined)).toMatchObject({ status: 401 });
  expect(await ask(PATH, await other.client(named('front-proxy-client')))).toMatchObject({ status: 401 });
  expect(await ask(PATH, await ca.client(named('somebody')))).toMatchObject({ status: 403 });
  expect(await ask(PATH, await ca.server('front-proxy-client'))).toMatchObject({ status: 401 });
  expect(await ask('/healthz', undefined)).toMatchObject({ status: 200 });
});

test('whom to trust can change', async () => {
  const shown = await ca.client({ name: 'somebody' });
  server.trust(trusted([]));
  expect(await ask(PATH, shown)).toMatchObject({ status: 200 });
  const next = await CertificateAuthority.create('next');
  server.trust({ ca: next.cert, allowedNames: [] });
  expect(await ask(PATH, shown)).toMatchObject({ status: 401 });
  expect(await ask(PATH, await next.client({ name: 'somebody' }))).toMatchObject({ status: 200 });
  server.trust(undefined);
  expect(await ask(PATH, shown)).toMatchObject({ status: 401 });
});

test('a certificate that is replaced is used, and one that is broken is not', async () => {
  const shown = await ca.client({ name: 'front-proxy-client' });
  expect(await ask(PATH, shown)).toEqual({ status: 200, name: 'first' });
  await put(await serving.server('second'));
  await until(async () => (await ask(PATH, shown)).name === 'second');
  for (const broken of ['broken', '']) {
    await writeFile(join(dir, 'tls.crt'), broken);
    failures.splice(0); // the files are not replaced at once
    await until(async () => failures.length > 0);
    expect(await ask(PATH, shown)).toEqual({ status: 200, name: 'second' });
  }
  await put(await serving.server('third'));
  await until(async () => (await ask(PATH, shown)).name === 'third');
});

test.each([
  ['both', { 'requestheader-allowed-names': '["a","b"]' }, ['a', 'b']],
  ['no names: all are allowed', {}, []],
])('the ConfigMap of Kubernetes says whom to trust: %s', (_, more, allowedNames) => {
  const data = { 'requestheader-client-ca-file': ca.cert, ...more };
  expect(frontProxyOf({ kind: 'ConfigMap', data })).toEqual({ ca: ca.cert, allowedNames });
});

test.each([
  ['there is none', undefined],
  ['it says nothing of it', { data: { 'client-ca-file': 'x' } }],
  ['it has no certificate', { data: { 'requestheader-client-ca-file': '' } }],
  [
    'names are no list',
    { data: { 'requestheader-client-ca-file': 'BEGIN CERTIFICATE', 'requestheader-allowed-names': 'x' } },
  ],
])('nobody is trusted where %s', (_, object) => {
  expect(frontProxyOf(object)).toBeUndefined();
});
