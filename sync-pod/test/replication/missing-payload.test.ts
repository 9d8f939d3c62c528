import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Pod, until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { StreamView } from './stream-view.ts';

let cluster: Cluster;
let view: StreamView;
beforeEach(async () => {
  // What is more than this is an object, and is rolled up at once.
  cluster = await Cluster.start({
    pods: 1,
    nats: 'max_payload: 65536',
    env: { ETHERPLY_SYNC_STRATEGY: 'lww', ETHERPLY_COMPACT_FROM_BYTES: '16384' },
  });
  view = await StreamView.open(cluster.nats.url);
});
afterEach(async () => {
  await view.close();
  await cluster.stop();
});

/** Writes a large value, and waits until the pod has rolled it up. */
async function writeLarge(pod: Pod, key: string, length: number): Promise<void> {
  const before = await pod.metric('etherply_rollups_total');
  const client = await pod.connect('w');
  client.send({ type: 'op', id: key, payload: { key, value: incompressible(length) } });
  await client.take('ack');
  client.close();
  await until(async () => (await pod.metric('etherply_rollups_total')) > before);
}

function incompressible(length: number): string {
  return Array.from({ length }, () => Math.floor(Math.random() * 36).toString(36)).join('');
}

const statusOf = async (pod: Pod) => (await pod.request('GET', '/v1/workspaces/w')).status;

test('a pod that cannot have what a message stands for says so, and goes on once another message does', async () => {
  const [writer] = cluster.pods;
  if (writer === undefined) throw new Error('there is no pod');
  await writeLarge(writer, 'first', 100_000);
  await view.removePieces();
  const reader = await cluster.add();
  expect(await statusOf(reader)).toBe(503);
  await until(async () => reader.output.includes('MissingPayloadError'));
  // The others of this pod go on.
  const client = await reader.connect('other');
  client.send({ type: 'op', id: 'a', payload: { key: 'a', value: 1 } });
  await client.take('ack');
  await writeLarge(writer, 'second', 400_000);
  await until(async () => (await statusOf(reader)) === 200);
  expect((await cluster.agreed('w')).data).toMatchObject({ first: expect.any(String), second: expect.any(String) });
});
