import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Pod, until } from '../pod.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
const alone: Pod[] = [];
afterEach(async () => {
  await cluster.stop();
  await Promise.all(alone.splice(0).map((pod) => pod.stop()));
});

/** A pod that has grown without NATS; a part of what it holds is compacted. */
async function grown(strategy: string, name: string): Promise<Pod> {
  const pod = await Pod.start({ env: { ETHERPLY_SYNC_STRATEGY: strategy, ETHERPLY_COMPACT_FROM_BYTES: '8192' } });
  alone.push(pod);
  for (const workspace of ['joined', `of-${name}`]) {
    const client = await pod.connect(workspace);
    for (let n = 0; n < 60; n += 1) await client.set(`${name}-${n}`, n);
    await client.set('common', name);
  }
  await until(async () => (await pod.metric('etherply_compactions_total')) >= 2);
  await pod.end('SIGTERM');
  return pod;
}

function written(name: string): Record<string, number> {
  return Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`${name}-${n}`, n]));
}

describe.each(['automerge', 'lww', 'server-auth'])('%s', (strategy) => {
  test('data directories that have grown without NATS join a cluster', async () => {
    const [first, second] = [await grown(strategy, 'first'), await grown(strategy, 'second')];
    cluster = await Cluster.start({ pods: 1, env: { ETHERPLY_SYNC_STRATEGY: strategy } });
    for (const pod of [first, second]) {
      await pod.restart({ ETHERPLY_NATS_URL: cluster.nats.url });
      await pod.ready();
    }
    await until(async () => Object.keys((await cluster.pod(0).read('joined')).data).length === 121);
    cluster.pods.push(...alone.splice(0));
    for (const name of ['first', 'second']) {
      const expected = { ...written(name), common: name };
      // Before they have taken in what they lack, they may agree on less.
      await until(async () => isDeepStrictEqual((await cluster.agreed(`of-${name}`)).data, expected));
    }
    let data: Record<string, unknown> = {};
    await until(async () => {
      ({ data } = await cluster.agreed('joined'));
      return Object.keys(data).length === 121;
    });
    expect(data).toEqual({ ...written('first'), ...written('second'), common: expect.any(String) });
    const [writer, reader] = [await first.connect('joined'), await second.connect('joined')];
    await reader.take('init');
    await writer.set('common', 'after');
    await until(async () => Object.values((await reader.take('op')).payload).includes('after'));
    expect((await cluster.agreed('joined')).data).toMatchObject({ common: 'after' });
  });
});

test('settings and deletions from before come along', async () => {
  const pod = await Pod.start();
  alone.push(pod);
  await pod.configure('kept', { strategy: 'lww', read_only: true });
  await (await pod.connect('deleted')).set('k', 1);
  await pod.request('DELETE', '/v1/workspaces/deleted');
  cluster = await Cluster.start({ pods: 1 });
  await pod.end('SIGTERM');
  await pod.restart({ ETHERPLY_NATS_URL: cluster.nats.url });
  await pod.ready();
  await until(async () => (await pod.metric('etherply_stream_recoveries_total')) === 2);
  const { body } = await cluster.pod(0).request('GET', '/v1/workspaces/kept/settings');
  expect(body).toEqual({ strategy: 'lww', read_only: true });
  expect((await cluster.pod(0).read('deleted')).data).toEqual({});
});
