import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { NatsServer } from '../nats-server.ts';
import { Pod, type TestClient, token, until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { CONTROL_TOKEN, ControlPlane } from './control-plane.ts';
import { Load } from './load.ts';

const CONTROLLED = { ETHERPLY_CONTROL_TOKEN: CONTROL_TOKEN };

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function startCluster(pods: number, env: Record<string, string> = {}): Promise<Cluster> {
  const cluster = await Cluster.start({ pods, env: { ...CONTROLLED, ...env } });
  endings.push(() => cluster.stop());
  return cluster;
}

async function startPod(options: Parameters<typeof Pod.start>[0] = {}): Promise<Pod> {
  const pod = await Pod.start(options);
  endings.push(() => pod.stop());
  return pod;
}

/** What a socket is refused with: the status, and when to come back. */
async function refusedUpgrade(pod: Pod): Promise<[status: number | undefined, retryAfter: string | undefined]> {
  const socket = new WebSocket(`ws://127.0.0.1:${pod.port}/v1/sync/w-0?token=${await token()}`);
  return new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('it was let in')));
    socket.on('error', reject);
    socket.on('unexpected-response', (_, response) => {
      resolve([response.statusCode, response.headers['retry-after']]);
      response.resume();
    });
  });
}

/** When each of them is closed, with which code and reason. */
function closings(clients: readonly TestClient[]) {
  const list: { readonly atMs: number; readonly code: number; readonly reason: string }[] = [];
  for (const { socket } of clients) {
    socket.on('close', (code, reason) => list.push({ atMs: performance.now(), code, reason: String(reason) }));
  }
  return list;
}

describe('the control endpoints', () => {
  test('are not there without a token', async () => {
    const pod = await startPod();
    const control = new ControlPlane(pod);
    const answers = await Promise.all([
      control.ask('GET', 'status', `Bearer ${CONTROL_TOKEN}`),
      control.ask('POST', 'drain', `Bearer ${CONTROL_TOKEN}`, '{"seconds":0}'),
      control.ask('POST', 'resume', 'Bearer undefined'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(await pod.isReady()).toBe(true);
  });

  test('are for the control token alone', async () => {
    const pod = await startPod({ env: CONTROLLED });
    const control = new ControlPlane(pod);
    const wrong = [undefined, '', CONTROL_TOKEN, `Bearer ${CONTROL_TOKEN}x`, `Bearer ${CONTROL_TOKEN.slice(1)}`];
    for (const header of [...wrong, 'Bearer ', `Basic ${CONTROL_TOKEN}`, `Bearer ${await token()}`]) {
      for (const [method, path] of [
        ['GET', 'status'],
        ['POST', 'drain'],
        ['POST', 'resume'],
      ] as const) {
        const answer = await control.ask(method, path, header, method === 'POST' ? '{"seconds":0}' : undefined);
        expect([header, answer.status]).toEqual([header, 401]);
        expect(await answer.text()).not.toContain(CONTROL_TOKEN);
      }
    }
    expect((await control.status()).draining).toBe(false);
    expect(await pod.isReady()).toBe(true);
    expect(pod.output).not.toContain(CONTROL_TOKEN);
  });

  test('refuse a drain that does not say how long', async () => {
    const pod = await startPod({ env: CONTROLLED });
    const control = new ControlPlane(pod);
    for (const body of ['', '{', '{}', '{"seconds":-1}', '{"seconds":1.5}', '{"seconds":3601}', '{"seconds":"1"}']) {
      const answer = await control.ask('POST', 'drain', `Bearer ${CONTROL_TOKEN}`, body);
      expect([body, answer.status]).toEqual([body, 400]);
    }
    const large = await control.ask('POST', 'drain', `Bearer ${CONTROL_TOKEN}`, `{"seconds":0}${' '.repeat(2000)}`);
    expect(large.status).toBe(413);
    expect((await control.status()).draining).toBe(false);
  });

  test('say how many ops come in', async () => {
    const pod = await startPod({ env: CONTROLLED });
    const client = await pod.connect('w');
    for (let n = 0; n < 30; n += 1) await client.set(`key-${n}`, n);
    const body = Array.from({ length: 15 }, (_, n) => ({ key: `posted-${n}`, value: n }));
    await pod.request('POST', '/v1/workspaces/w/ops', { body });
    expect((await new ControlPlane(pod).status()).ops_per_second).toBeCloseTo(3);
    expect(await pod.metric('etherply_ops_per_second')).toBeCloseTo(3);
  });
});

describe('a drain', () => {
  test('takes nothing new, sends clients away over the time, and is undone by resume', async () => {
    const cluster = await startCluster(1);
    const pod = cluster.pod(0);
    const control = new ControlPlane(pod);
    const clients = await Promise.all(Array.from({ length: 20 }, (_, n) => pod.connect(`w-${n % 3}`)));
    for (const client of clients) await client.take('init');
    const closed = closings(clients);
    const startMs = performance.now();
    expect(await control.drain(20)).toMatchObject({ draining: true, connections: 20 });
    expect(await (await fetch(pod.url('/readyz'))).text()).toContain('draining');
    expect(await pod.isReady()).toBe(false);
    await expect(pod.connect('w-0')).rejects.toThrow('503');
    expect(await refusedUpgrade(pod)).toEqual([503, '1']);
    const refused = await pod.request('POST', '/v1/workspaces/w-0/ops', { body: { key: 'k', value: 1 } });
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'unavailable' } } });
    // Asked again, it takes no longer.
    await control.drain(3600);
    await until(async () => (await control.status()).connections === 0);
    await until(async () => closed.length === 20);
    for (const { code, reason } of closed) {
      expect(code).toBe(1012);
      expect(JSON.parse(reason)).toEqual({ retry_after_ms: expect.any(Number) });
    }
    const times = closed.map(({ atMs }) => atMs - startMs);
    // In twenty seconds 20 go one after the other.
    expect(times.filter((ms) => ms < 10_000).length).toBeGreaterThanOrEqual(5);
    expect(times.filter((ms) => ms > 10_000).length).toBeGreaterThanOrEqual(5);
    expect(Math.max(...times)).toBeLessThan(40_000);
    expect((await pod.read('w-0')).data).toEqual({}); // reading goes on
    expect(await control.resume()).toMatchObject({ draining: false });
    await pod.ready();
    const back = await pod.connect('w-0');
    expect(await back.set('key', 1)).toMatchObject({ durability: 'replicated' });
  });

  test('refuses a write whose body was still on its way', async () => {
    const pod = await startPod({ env: CONTROLLED });
    const control = new ControlPlane(pod);
    const headers = { ...(await pod.authorization()), 'transfer-encoding': 'chunked' };
    const sending = request(pod.url('/v1/workspaces/w/ops'), { method: 'POST', headers });
    const answered = once(sending, 'response');
    await new Promise<void>((resolve) => sending.write('{"key":"late",', () => resolve()));
    await control.drain(0);
    sending.end('"value":1}');
    const [answer] = await answered;
    expect(answer).toMatchObject({ statusCode: 503 });
    await control.resume();
    expect((await pod.read('w')).data).toEqual({});
  });

  test('becomes shorter when it is asked again for less', async () => {
    const pod = await startPod({ env: CONTROLLED });
    const control = new ControlPlane(pod);
    const client = await pod.connect('w');
    await client.take('init');
    await control.drain(3600);
    await control.drain(0);
    expect(await client.closed()).toBe(1012);
  });

  test('that is undone in the middle leaves who is still connected alone', async () => {
    const pod = await startPod({ env: CONTROLLED });
    const control = new ControlPlane(pod);
    const clients = await Promise.all(Array.from({ length: 20 }, () => pod.connect('w')));
    for (const client of clients) await client.take('init');
    const closed = closings(clients);
    await control.drain(20);
    await until(async () => closed.length >= 3);
    await control.resume();
    const left = clients.filter(({ closeCode }) => closeCode === undefined);
    const { connections } = await control.status();
    const end = performance.now() + 3000;
    await until(async () => performance.now() > end);
    expect((await control.status()).connections).toBe(connections);
    expect(connections).toBeGreaterThan(0);
    const [one] = left.filter(({ closeCode }) => closeCode === undefined);
    expect((await one?.set('key', 1))?.type).toBe('ack');
  });

  test('under load loses nothing that was acked, and ends verified empty', async () => {
    const cluster = await startCluster(2, { ETHERPLY_ACK: 'local' });
    const [pod, other] = [cluster.pod(0), cluster.pod(1)];
    const workspaces = ['one', 'two', 'three'];
    const load = new Load(cluster.pods, workspaces, 4);
    await load.progressed(200);
    const control = new ControlPlane(pod);
    await control.drain(2);
    const isEmpty = async () => {
      const { draining, connections, unpublished_workspaces: count } = await control.status();
      return draining && connections === 0 && count === 0;
    };
    await until(isEmpty);
    // Everything acked by this pod is on the other one: its volume may go.
    await pod.stop();
    await load.progressed(100);
    await load.end();
    for (const workspace of workspaces) load.expectAll(workspace, (await other.read(workspace)).data);
  });

  test('ends with SIGTERM as ever', async () => {
    const cluster = await startCluster(1, { SHUTDOWN_TIMEOUT_SECONDS: '30' });
    const pod = cluster.pod(0);
    const client = await pod.connect('w');
    await client.set('key', 1);
    await new ControlPlane(pod).drain(3600);
    const ended = pod.end('SIGTERM');
    expect(await client.closed()).toBe(1012);
    expect(await ended).toBe(0);
  });
});

describe('the number of unpublished workspaces', () => {
  test('counts those that nobody has opened, and is 0 when the stream has them', async () => {
    const nats = await NatsServer.start();
    endings.push(() => nats.stop());
    const pod = await startPod({
      shards: 2,
      env: { ...CONTROLLED, ETHERPLY_NATS_URL: nats.url, ETHERPLY_ACK: 'local' },
    });
    const control = new ControlPlane(pod);
    await until(async () => (await control.status()).unpublished_workspaces === 0);
    await nats.end('SIGKILL');
    await until(async () => !(await control.status()).stream_connected);
    const names = ['a:1', 'b:1', 'c:1', 'd:1'];
    for (const name of names)
      expect(await (await pod.connect(name)).set('key', 1)).toMatchObject({ durability: 'local' });
    expect((await control.status()).unpublished_workspaces).toBe(names.length);
    await pod.end('SIGKILL');
    await pod.restart();
    expect(await pod.metric('etherply_workspaces_open')).toBe(0);
    const status = await control.status();
    expect(status).toMatchObject({ unpublished_workspaces: names.length, stream_connected: false });
    expect(status.problems.join()).toContain('NATS');
    await control.drain(0);
    expect((await control.status()).unpublished_workspaces).toBe(names.length);
    await nats.restart();
    await until(async () => (await control.status()).unpublished_workspaces === 0);
    expect(await control.status()).toMatchObject({ draining: true, stream_connected: true, problems: [] });
    const other = await startPod({ env: { ETHERPLY_NATS_URL: nats.url } });
    await other.ready();
    for (const name of names) expect((await other.read(name)).data).toEqual({ key: 1 });
  });

  test('is not known while the stream cannot be asked', async () => {
    const cluster = await startCluster(1);
    const control = new ControlPlane(cluster.pod(0));
    const client = await cluster.pod(0).connect('w');
    await client.set('key', 1);
    await until(async () => (await control.status()).unpublished_workspaces === 0);
    await cluster.nats.end('SIGKILL');
    await until(async () => (await control.status()).unpublished_workspaces === null);
    expect((await control.status()).problems.join()).toContain('the stream cannot be asked what it has');
  });

  test('is not known while a shard is down', async () => {
    const nats = await NatsServer.start();
    endings.push(() => nats.stop());
    const pod = await startPod({ shards: 2, env: { ...CONTROLLED, ETHERPLY_NATS_URL: nats.url } });
    const control = new ControlPlane(pod);
    await until(async () => (await control.status()).unpublished_workspaces === 0);
    await pod.end('SIGTERM');
    const rocksdb = join(pod.dataDir, 'shard-1', 'rocksdb');
    await rename(rocksdb, `${rocksdb}-away`);
    await writeFile(rocksdb, 'no database');
    await pod.restart();
    const { unpublished_workspaces: count, problems } = await control.status();
    expect(count).toBeNull();
    expect(problems.join()).toContain('shard 1');
  });

  test('is not known of a data directory that has grown without NATS, until it has joined', async () => {
    const nats = await NatsServer.start();
    endings.push(() => nats.stop());
    const pod = await startPod({ env: { ...CONTROLLED } });
    const control = new ControlPlane(pod);
    expect(await control.status()).toMatchObject({ unpublished_workspaces: null, stream_connected: false });
    expect((await control.status()).problems.join()).toContain('ETHERPLY_NATS_URL');
    for (const name of ['x', 'y']) await (await pod.connect(name)).set('key', 1);
    await pod.end('SIGKILL');
    await nats.end('SIGKILL');
    await pod.restart({ ETHERPLY_NATS_URL: nats.url });
    expect((await control.status()).unpublished_workspaces).toBeNull();
    await nats.restart();
    await until(async () => (await control.status()).unpublished_workspaces === 0);
    const other = await startPod({ env: { ETHERPLY_NATS_URL: nats.url } });
    await other.ready();
    for (const name of ['x', 'y']) expect((await other.read(name)).data).toEqual({ key: 1 });
  });

  test('falls back to 0 where a crash came between a join and its end', async () => {
    const nats = await NatsServer.start();
    endings.push(() => nats.stop());
    const pod = await startPod({ env: { ...CONTROLLED } });
    const control = new ControlPlane(pod);
    await (await pod.connect('w')).set('alone', 1);
    await pod.end('SIGKILL');
    await nats.end('SIGKILL');
    const env = { ETHERPLY_NATS_URL: nats.url, ETHERPLY_ACK: 'local' };
    await pod.restart(env);
    await (await pod.connect('w')).set('joining', 2);
    expect((await control.status()).unpublished_workspaces).toBe(1);
    await pod.end('SIGKILL');
    await pod.restart(env);
    expect((await control.status()).unpublished_workspaces).toBe(1);
    await nats.restart();
    await until(async () => (await control.status()).unpublished_workspaces === 0);
    const other = await startPod({ env: { ETHERPLY_NATS_URL: nats.url } });
    await other.ready();
    expect((await other.read('w')).data).toEqual({ alone: 1, joining: 2 });
  });
});
