import { afterEach, expect, test } from '@jest/globals';
import { until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';

/** For how long NATS is away; `make test-long` asks for more. */
const OUTAGE_MS = Number(process.env.OUTAGE_SECONDS ?? 4) * 1000;
const MAX_UNPUBLISHED = 128 << 10;

let cluster: Cluster;
afterEach(() => cluster.stop());

/** Resolves when NATS has been away for long enough, and the pod has seen it. */
async function outage(pod: number): Promise<void> {
  const end = performance.now() + OUTAGE_MS;
  await until(async () => performance.now() > end);
  expect(await cluster.pod(pod).metric('etherply_stream_connected')).toBe(0);
}

test('without NATS, `replicated` holds acks, says so, and goes on when it is back', async () => {
  cluster = await Cluster.start({ pods: 2 });
  const [pod, other] = [cluster.pod(0), cluster.pod(1)];
  const client = await pod.connect('held');
  const reader = await other.connect('held');
  await client.set('before', 1);
  await reader.take('op');
  await cluster.nats.end('SIGKILL');
  client.send({ type: 'op', id: 'held', payload: { key: 'during', value: 1 } });
  await until(async () => (await fetch(pod.url('/readyz'))).status === 503);
  await outage(0);
  const answer = await (await fetch(pod.url('/readyz'))).json();
  expect(answer).toMatchObject({ error: { code: 'unavailable', message: expect.stringContaining('NATS') } });
  expect(await pod.metric('etherply_unpublished_records')).toBe(1);
  expect(client.frames.filter(({ type }) => type === 'ack')).toEqual([]);
  expect(reader.frames.filter(({ type }) => type === 'op')).toEqual([]);
  await cluster.nats.restart();
  expect(await client.take('ack')).toMatchObject({ ids: ['held'], durability: 'replicated' });
  expect((await reader.take('op')).payload).toMatchObject({ key: 'during' });
  await pod.ready();
  expect((await cluster.agreed('held')).data).toEqual({ before: 1, during: 1 });
}, 200_000);

test('without NATS, `local` goes on up to a bound, says so, and catches up', async () => {
  cluster = await Cluster.start({
    pods: 2,
    env: { ETHERPLY_ACK: 'local', ETHERPLY_MAX_UNPUBLISHED_BYTES: String(MAX_UNPUBLISHED) },
  });
  const pod = cluster.pod(0);
  const clients = await Promise.all(cluster.pods.map((one) => one.connect('goes-on')));
  await cluster.nats.end('SIGKILL');
  await until(async () => (await pod.metric('etherply_stream_connected')) === 0);
  for (const [i, client] of clients.entries()) {
    expect(await client.set(`by-${i}`, i)).toMatchObject({ durability: 'local' });
  }
  await outage(0);
  const ready = await fetch(pod.url('/readyz'));
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: 'ready', notes: [expect.stringContaining('NATS')] },
  ]);
  // A workspace that nobody has opened yet can be begun.
  const begun = await pod.connect('begun');
  await begun.set('new', 1);
  // Up to the bound, and no further.
  const [client] = clients;
  const value = 'x'.repeat(4096);
  let written = 0;
  for (let isTaken = true; isTaken; ) {
    client?.send({ type: 'op', id: `large-${written}`, payload: { key: `large-${written}`, value } });
    isTaken = (await client?.take('ack', 'error'))?.type === 'ack';
    if (isTaken) written += 1;
  }
  const unpublished = await pod.metric('etherply_unpublished_bytes');
  expect(unpublished).toBeGreaterThan(MAX_UNPUBLISHED);
  expect(unpublished).toBeLessThan(MAX_UNPUBLISHED + 2 * value.length);
  await cluster.nats.restart();
  await until(async () => (await pod.metric('etherply_unpublished_records')) === 0);
  const { data } = await cluster.agreed('goes-on');
  expect(Object.keys(data)).toHaveLength(clients.length + written);
  expect((await cluster.agreed('begun')).data).toEqual({ new: 1 });
}, 200_000);

test('a pod that stands still under load is caught up when it goes on', async () => {
  cluster = await Cluster.start({ pods: 3 });
  const load = new Load(cluster.pods.slice(0, 2), ['slow'], 2);
  const reader = await cluster.pod(2).connect('slow');
  await reader.take('op');
  await cluster.pod(2).pause();
  const end = performance.now() + OUTAGE_MS;
  await until(async () => performance.now() > end);
  await load.progressed(100);
  cluster.pod(2).resume();
  await load.end();
  load.expectAll('slow', (await cluster.agreed('slow')).data);
}, 200_000);

test('a pod that starts without NATS serves what it has as soon as it is there', async () => {
  cluster = await Cluster.start({ pods: 1 });
  const pod = cluster.pod(0);
  const client = await pod.connect('started');
  await client.set('before', 1);
  await pod.end('SIGKILL');
  await cluster.nats.end('SIGKILL');
  await pod.restart();
  expect((await fetch(pod.url('/readyz'))).status).toBe(503);
  expect((await pod.request('GET', '/v1/workspaces/unknown')).status).toBe(503);
  expect((await pod.read('started')).data).toEqual({ before: 1 });
  await cluster.nats.restart();
  await pod.ready();
  const again = await pod.connect('started');
  expect(await again.set('after', 1)).toMatchObject({ durability: 'replicated' });
});
