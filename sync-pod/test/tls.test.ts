import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { generate } from 'selfsigned';
import { Certificate } from '../src/http/certificate.ts';
import { freePort, Pod, TestClient, token, until } from './pod.ts';

let pod: Pod | undefined;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'etherply-tls-'));
});
afterEach(async () => {
  await pod?.stop();
  await rm(directory, { recursive: true });
});

/** A certificate of this name, put in place at once, as a mounted secret is. */
async function issue(name: string): Promise<string> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const version = await mkdtemp(join(directory, 'version-'));
  await writeFile(join(version, 'tls.crt'), cert);
  await writeFile(join(version, 'tls.key'), key);
  await symlink(version, join(directory, 'next'));
  await rename(join(directory, 'next'), join(directory, 'current'));
  return cert;
}

async function start(): Promise<Pod> {
  const current = join(directory, 'current');
  pod = await Pod.start({
    env: {
      PORT: await freePort(),
      ETHERPLY_TLS_CERT: join(current, 'tls.crt'),
      ETHERPLY_TLS_KEY: join(current, 'tls.key'),
    },
  });
  return pod;
}

/** The name in the certificate that a new connection is shown; undefined where it is reset, as may happen when one is replaced. */
function shownName(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false, agent: false };
    get(options, ({ socket }) => {
      resolve(socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : undefined);
      socket.destroy();
    }).on('error', () => resolve(undefined));
  });
}

const connect = async (port: number, ca: string) =>
  TestClient.open(`wss://127.0.0.1:${port}/v1/sync/tls?token=${await token()}`, { ca });

test('a pod with a certificate speaks TLS only', async () => {
  const cert = await issue('first.test');
  const { port } = await start();
  expect(await shownName(port)).toBe('first.test');
  await (await connect(port, cert)).set('k', 1);
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
});

test('a new certificate is served without a restart; those connected stay, and hear those who come', async () => {
  const first = await issue('first.test');
  const { port } = await start();
  const early = await connect(port, first);
  await early.take('init');
  const second = await issue('second.test');
  await until(async () => (await shownName(port)) === 'second.test');
  const late = await connect(port, second);
  expect(await late.take('init')).toMatchObject({ data: {} });
  await late.set('from', 'late');
  expect(await early.take('op')).toMatchObject({ payload: { value: 'late' } });
  await early.set('from', 'early');
  expect(await late.take('op')).toMatchObject({ payload: { value: 'early' } });
  expect(late.frames.filter(({ type }) => type === 'op')).toEqual([]);
});

test('a certificate that is replaced while the pod starts is found', async () => {
  await issue('first.test');
  const files = { certFile: join(directory, 'current', 'tls.crt'), keyFile: join(directory, 'current', 'tls.key') };
  const certificate = await Certificate.load(files);
  await issue('second.test');
  await new Promise<void>((resolve, reject) => certificate.watch(async () => resolve(), reject));
  certificate.unwatch();
});

test.each(['nonsense', ''])(
  'a certificate that is broken is not taken: the one before it goes on: %j',
  async (cert) => {
    await issue('first.test');
    const { port } = await start();
    await writeFile(join(directory, 'current', 'tls.crt'), cert);
    await until(async () => pod?.output.includes('the new certificate cannot be used') ?? false);
    expect(await shownName(port)).toBe('first.test');
    await issue('second.test');
    await until(async () => (await shownName(port)) === 'second.test');
  },
);

test.each(['nonsense', ''])('a certificate without its key is told of at the start: %j', async (key) => {
  await issue('first.test');
  await writeFile(join(directory, 'current', 'tls.key'), key);
  await expect(start()).rejects.toThrow(/tls.crt and .*tls.key are no certificate and its key in PEM/);
});
