import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AckPolicy, DiscardPolicy, type JetStreamManager, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { freePort, until } from '../../../sync-pod/test/pod.ts';
import type { NatsAccess } from '../../src/nats/nats-access.ts';
import { StreamKeeper } from '../../src/nats/stream-keeper.ts';
import type { StreamRequest } from '../../src/nats/stream-policy.ts';
import { CertificateAuthority } from '../control-plane/certificates.ts';

const READY = { state: 'ready' };

let server: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;
let keeper: StreamKeeper;
beforeEach(async () => {
  server = await NatsServer.start();
  connection = await connect({ servers: server.url });
  manager = await jetstreamManager(connection);
  keeper = new StreamKeeper({ timeoutMs: 8000 });
});
afterEach(async () => {
  await keeper.close();
  await connection.close();
  await server.stop();
});

function accessTo(more: Partial<NatsAccess> = {}): NatsAccess {
  return { servers: [server.url], credentials: undefined, tls: undefined, source: 'Secret c-nats', ...more };
}

function requestOf(options: Partial<StreamRequest['options']> = {}, mayDropMessages = false): StreamRequest {
  const defaults = {
    cluster: 'ns_c',
    replicas: 1,
    retention: 'limits' as const,
    maxAgeSeconds: Number.POSITIVE_INFINITY,
    maxBytes: Number.POSITIVE_INFINITY,
    duplicateSeconds: 120,
    regions: [],
    owner: 'ns/c',
  };
  return { options: { ...defaults, ...options }, mayDropMessages };
}

async function config(name = 'ns_c') {
  return (await manager.streams.info(name)).config;
}

async function names(): Promise<string[]> {
  const found: string[] = [];
  for await (const name of manager.streams.names()) found.push(name);
  return found.sort();
}

async function publish(subject: string, bytes = 100): Promise<void> {
  await manager.jetstream().publish(subject, new Uint8Array(bytes));
}

test('a stream and its bucket are made, with the name of the cluster that they belong to', async () => {
  expect(await keeper.ensure(accessTo(), requestOf({ maxAgeSeconds: 3600 }))).toEqual(READY);
  expect(await config()).toMatchObject({
    subjects: ['ns_c.ops.>'],
    max_age: nanos(3_600_000),
    metadata: { 'etherply.io/owner': 'ns/c' },
  });
  expect(await config('OBJ_ns_c-payloads')).toMatchObject({ storage: 'file', num_replicas: 1 });
});

describe('what is changed by hand', () => {
  test.each([
    ['its age', { max_age: nanos(600_000) }],
    ['its bounds', { max_bytes: 10_000_000, max_msgs_per_subject: 1 }],
    ['what it does when it is full', { discard: DiscardPolicy.Old }],
    ['what it publishes again', { republish: { src: 'ns_c.ops.>', dest: 'elsewhere.>' } }],
    ['its owner', { metadata: {} }],
  ])('is put back: %s', async (_, change) => {
    await keeper.ensure(accessTo(), requestOf());
    const before = await config();
    await manager.streams.update('ns_c', { ...before, ...change });
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual(READY);
    expect(await config()).toEqual(before);
  });

  test('is put back: the regions that it has messages of', async () => {
    await manager.streams.add({ name: 'west', subjects: ['west.ops.>'] });
    const request = requestOf({ regions: [{ name: 'west', domain: undefined }] });
    await keeper.ensure(accessTo(), request);
    const before = await config();
    expect(before.sources).toMatchObject([{ name: 'west', filter_subject: 'west.ops.>' }]);
    const { sources: _, ...without } = before;
    await manager.streams.update('ns_c', { ...without, sources: [] });
    expect(await keeper.ensure(accessTo(), request)).toEqual(READY);
    expect((await config()).sources).toEqual(before.sources);
  });

  test('a region that is not there yet is waited for by nobody', async () => {
    const request = requestOf({ regions: [{ name: 'west', domain: 'far' }] });
    expect(await keeper.ensure(accessTo(), request)).toEqual(READY);
    expect((await config()).sources ?? []).toEqual([]);
  });

  test('a stream that is deleted is made again', async () => {
    await keeper.ensure(accessTo(), requestOf());
    await manager.streams.delete('ns_c');
    await manager.streams.delete('OBJ_ns_c-payloads');
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual(READY);
    expect(await names()).toEqual(['OBJ_ns_c-payloads', 'ns_c']);
  });
});

describe('what the spec asks for', () => {
  test('is done where nothing is lost by it', async () => {
    await keeper.ensure(accessTo(), requestOf({ maxAgeSeconds: 7200 }));
    await publish('ns_c.ops.a.a');
    const request = requestOf({ maxAgeSeconds: 3600, maxBytes: 1_000_000, duplicateSeconds: 60 });
    expect(await keeper.ensure(accessTo(), request)).toEqual(READY);
    expect(await config()).toMatchObject({ max_age: nanos(3_600_000), max_bytes: 1_000_000 });
    expect((await manager.streams.info('ns_c')).state.messages).toBe(1);
  });

  test('is refused where the stream would take nothing more', async () => {
    await keeper.ensure(accessTo(), requestOf());
    await publish('ns_c.ops.a.a', 5000);
    expect(await keeper.ensure(accessTo(), requestOf({ maxBytes: 1000 }))).toEqual({
      state: 'refused',
      message: expect.stringMatching(/^the stream ns_c holds 5\d\d\d bytes, more than the 1000 .*: set more$/),
    });
    expect((await config()).max_bytes).toBe(-1);
  });

  test('is refused where messages would go that no pod may have, until somebody says that they may', async () => {
    await keeper.ensure(accessTo(), requestOf());
    await publish('ns_c.ops.a.a');
    const { state } = await manager.streams.info('ns_c');
    await until(async () => Date.now() - Date.parse(state.first_ts) > 1100);
    const shorter = { maxAgeSeconds: 1, duplicateSeconds: 1 };
    expect(await keeper.ensure(accessTo(), requestOf(shorter))).toEqual({
      state: 'refused',
      message: expect.stringMatching(/annotate the cluster with etherply.io\/drop-messages=true$/),
    });
    expect((await config()).max_age).toBe(0);
    expect(await keeper.ensure(accessTo(), requestOf(shorter, true))).toEqual(READY);
    expect((await config()).max_age).toBe(nanos(1000));
  });

  test.each([
    ['another retention', requestOf({ retention: 'interest' }), /the retention limits.*set spec.stream.retention/],
    ['more servers than there are', requestOf({ replicas: 3 }), /replicas.*set spec.stream.replicas to 1/],
  ])('is refused where NATS does not do it: %s', async (_, request, message) => {
    await keeper.ensure(accessTo(), requestOf());
    expect(await keeper.ensure(accessTo(), request)).toEqual({
      state: 'refused',
      message: expect.stringMatching(message),
    });
  });
});

describe('a stream of somebody else', () => {
  test.each([
    [
      'of another cluster',
      { 'etherply.io/owner': 'other/c' },
      ['ns_c.ops.>'],
      /belongs to the EtherPlyCluster other\/c/,
    ],
    ['of something else', {}, ['orders.>'], /not EtherPly's \(subjects orders.>\): choose another spec.stream.name/],
  ])('is neither changed nor deleted: %s', async (_, metadata, subjects, message) => {
    await manager.streams.add({ name: 'ns_c', subjects, metadata });
    const before = await config();
    const refused = { state: 'refused', message: expect.stringMatching(message) };
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual(refused);
    expect(await keeper.delete(accessTo(), requestOf())).toEqual(refused);
    expect([await config(), await names()]).toEqual([before, ['ns_c']]);
  });

  test('that has these subjects is told of', async () => {
    await manager.streams.add({ name: 'other', subjects: ['ns_c.>'] });
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual({
      state: 'refused',
      message: expect.stringMatching(/subjects overlap.*choose another spec.stream.name/),
    });
  });

  test('is one in memory: NATS does not move it', async () => {
    await manager.streams.add({ name: 'ns_c', subjects: ['ns_c.ops.>'], storage: StorageType.Memory });
    expect(await keeper.ensure(accessTo(), requestOf())).toMatchObject({ state: 'refused' });
  });

  test('is none that pods have made themselves', async () => {
    await manager.streams.add({ name: 'ns_c', subjects: ['ns_c.ops.>'] });
    await publish('ns_c.ops.a.a');
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual(READY);
    expect((await config()).metadata).toMatchObject({ 'etherply.io/owner': 'ns/c' });
    expect((await manager.streams.info('ns_c')).state.messages).toBe(1);
  });
});

describe('deletion', () => {
  test('takes the stream and its bucket, those of this cluster only, and can be repeated', async () => {
    const other = requestOf({ cluster: 'ns_other', owner: 'ns/other' });
    await keeper.ensure(accessTo(), requestOf());
    await keeper.ensure(accessTo(), other);
    expect(await keeper.delete(accessTo(), requestOf())).toEqual({ state: 'deleted' });
    expect(await names()).toEqual(['OBJ_ns_other-payloads', 'ns_other']);
    expect(await keeper.delete(accessTo(), requestOf())).toEqual({ state: 'deleted' });
    expect(keeper.size).toBe(2);
    await keeper.forget('ns/c');
    expect(keeper.size).toBe(1);
  });

  test('takes a bucket that was left over', async () => {
    await keeper.ensure(accessTo(), requestOf());
    await manager.streams.delete('ns_c');
    await keeper.delete(accessTo(), requestOf());
    expect(await names()).toEqual([]);
  });
});

describe('consumers of pods that are gone', () => {
  const interest = requestOf({ retention: 'interest' });
  const consumers = async () => {
    const found: string[] = [];
    for await (const { name } of manager.consumers.list('ns_c')) found.push(name);
    return found.sort();
  };
  const join = (podId: string, isComplete: boolean) =>
    manager.consumers.add('ns_c', {
      durable_name: `pod-${podId}`,
      ack_policy: AckPolicy.Explicit,
      ...(isComplete && { metadata: { 'etherply-complete': 'true' } }),
    });

  test('are deleted, so that the stream lets go what all others have', async () => {
    await keeper.ensure(accessTo(), interest);
    await join('a', true);
    await join('b', true);
    await manager.consumers.add('ns_c', { durable_name: 'of-somebody', ack_policy: AckPolicy.None });
    expect(await keeper.releaseGonePods(accessTo(), interest, new Set(['a']))).toEqual(READY);
    expect(await consumers()).toEqual(['of-somebody', 'pod-a']);
    expect(await keeper.releaseGonePods(accessTo(), interest, new Set(['a']))).toEqual(READY);
  });

  test('stay as long as no pod that is there has everything', async () => {
    await keeper.ensure(accessTo(), interest);
    await join('a', false);
    await join('b', true);
    await keeper.releaseGonePods(accessTo(), interest, new Set(['a']));
    await keeper.releaseGonePods(accessTo(), interest, new Set());
    expect(await consumers()).toEqual(['pod-a', 'pod-b']);
  });

  test("are nobody's business with another retention", async () => {
    await keeper.ensure(accessTo(), requestOf());
    await join('a', true);
    await join('b', true);
    await keeper.releaseGonePods(accessTo(), requestOf(), new Set(['a']));
    expect(await consumers()).toEqual(['pod-a', 'pod-b']);
  });
});

describe('credentials', () => {
  const USERS =
    'authorization { users = [ { user: "a", password: "secret-a" }, { user: "b", password: "secret-b" } ] }';
  const as = (user: string, password: string) => accessTo({ credentials: { user, password } });

  test('that are refused are told of, without them, and mended ones are used', async () => {
    await server.end('SIGTERM');
    await server.restart(USERS);
    const refused = await keeper.ensure(as('a', 'secret-wrong'), requestOf());
    expect(refused).toEqual({
      state: 'unreachable',
      message: `NATS at ${server.url} refuses the credentials: look at Secret c-nats`,
    });
    expect(await keeper.ensure(as('a', 'secret-a'), requestOf())).toEqual(READY);
    expect(await keeper.ensure(as('b', 'secret-b'), requestOf())).toEqual(READY);
    expect(keeper.size).toBe(1);
  });

  test('with too few rights are told of with the subject', async () => {
    await server.end('SIGTERM');
    const permissions = '{ publish: { deny: ["$JS.API.STREAM.CREATE.>"] } }';
    await server.restart(`authorization { users = [ { user: a, password: pw, permissions: ${permissions} } ] }`);
    expect(await keeper.ensure(as('a', 'pw'), requestOf())).toEqual({
      state: 'refused',
      message: expect.stringMatching(/does not allow publish of \$JS\.API\.STREAM\.CREATE\.ns_c to whom Secret c-nats/),
    });
  });

  test('need just the rights that docs/operations/jetstream.md names', async () => {
    await server.end('SIGTERM');
    const guide = await readFile(new URL('../../../docs/operations/jetstream.md', import.meta.url), 'utf8');
    const [, rights = ''] = /### The rights of the operator[\s\S]*?```conf\n([\s\S]*?)```/.exec(guide) ?? [];
    const named = rights.replaceAll('etherply', 'ns_c');
    await server.restart(`authorization { users = [ { user: a, password: pw, permissions: {\n${named}\n} } ] }`);
    const request = requestOf({ retention: 'interest' });
    expect(await keeper.ensure(as('a', 'pw'), request)).toEqual(READY);
    expect(
      await keeper.ensure(as('a', 'pw'), { ...request, options: { ...request.options, duplicateSeconds: 60 } }),
    ).toEqual(READY);
    expect(await keeper.releaseGonePods(as('a', 'pw'), request, new Set(['a']))).toEqual(READY);
    expect(await keeper.delete(as('a', 'pw'), request)).toEqual({ state: 'deleted' });
  });

  test.each([
    ['nkey', { nkey: 'SUNOSEED' }],
    ['credentials file', { creds: 'no file' }],
  ])('that are no %s are told of, without them', async (_, credentials) => {
    const facts = await keeper.ensure(accessTo({ credentials }), requestOf());
    expect(facts).toEqual({ state: 'unreachable', message: expect.stringMatching(/^what is in Secret c-nats is not/) });
    expect(JSON.stringify(facts)).not.toContain(Object.values(credentials)[0]);
  });

  test('can be certificates', async () => {
    const ca = await CertificateAuthority.create('ca');
    const [served, shown] = [await ca.server('127.0.0.1', 'localhost'), await ca.client({ name: 'operator' })];
    const dir = await mkdtemp(join(tmpdir(), 'etherply-tls-'));
    const configured = async () => {
      const put = async (name: string, text: string) => {
        await writeFile(`${dir}/${name}`, text);
        return `"${dir}/${name}"`;
      };
      const files = [await put('cert', served.cert), await put('key', served.key), await put('ca', ca.cert)];
      return `tls { cert_file: ${files[0]}, key_file: ${files[1]}, ca_file: ${files[2]}, verify: true }`;
    };
    await server.end('SIGTERM');
    await server.restart(await configured());
    const servers = [`tls://localhost:${server.port}`];
    const tls = { ca: ca.cert, cert: shown.cert, key: shown.key };
    expect(await keeper.ensure(accessTo({ servers, tls }), requestOf())).toEqual(READY);
    expect(await keeper.ensure(accessTo({ servers }), requestOf())).toMatchObject({ state: 'unreachable' });
    expect(await keeper.ensure(accessTo({ servers, tls: { ca: 'x' } }), requestOf())).toEqual({
      state: 'unreachable',
      message: expect.stringContaining('caRef names is no certificate in PEM'),
    });
    await rm(dir, { recursive: true });
  });
});

describe('a server that is away', () => {
  test('is told of, and used when it is back', async () => {
    await keeper.ensure(accessTo(), requestOf());
    await server.end('SIGKILL');
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual({
      state: 'unreachable',
      message: expect.stringContaining(server.url),
    });
    await server.restart();
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual(READY);
  });

  test('does not stop the operator where it hangs, and other clusters not at all', async () => {
    await keeper.ensure(accessTo(), requestOf());
    const other = await NatsServer.start();
    await server.pause();
    const hanging = keeper.ensure(accessTo(), requestOf());
    const others = requestOf({ cluster: 'other', owner: 'ns/other' });
    expect(await keeper.ensure(accessTo({ servers: [other.url] }), others)).toEqual(READY);
    expect(await hanging).toMatchObject({ state: 'unreachable' });
    server.resume();
    await other.stop();
  });

  test('is not waited for where another is there', async () => {
    const servers = [`nats://127.0.0.1:${await freePort()}`, server.url];
    expect(await keeper.ensure(accessTo({ servers }), requestOf())).toEqual(READY);
  });

  test('is one without JetStream, until it has it', async () => {
    await server.end('SIGTERM');
    await server.restart('jetstream: disabled');
    expect(await keeper.ensure(accessTo(), requestOf())).toEqual({
      state: 'unreachable',
      message: expect.stringMatching(/^JetStream does not answer/),
    });
  });
});
