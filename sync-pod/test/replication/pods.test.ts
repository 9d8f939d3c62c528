import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '../pod.ts';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

describe.each(['automerge', 'lww', 'server-auth'] as const)('%s', (strategy) => {
  test('what is written on one pod is seen on the others, and all end up the same', async () => {
    cluster = await Cluster.start({ pods: 3, env: { ETHERPLY_SYNC_STRATEGY: strategy } });
    const clients = await Promise.all(cluster.pods.map((pod) => pod.connect('shared')));
    for (const client of clients) await client.take('init');
    for (const [i, client] of clients.entries()) {
      expect(await client.set(`of-${i}`, i, `id-${i}`)).toMatchObject({ durability: 'replicated' });
    }
    const { data } = await cluster.agreed('shared');
    expect(data).toEqual({ 'of-0': 0, 'of-1': 1, 'of-2': 2 });
    for (const [i, client] of clients.entries()) {
      const seen = new Set<string>();
      while (seen.size < 2) seen.add((await client.take('op')).payload.key);
      expect([...seen].sort()).toEqual([0, 1, 2].filter((n) => n !== i).map((n) => `of-${n}`));
    }
  });

  test('a pod that has nothing opens a workspace that others write to', async () => {
    cluster = await Cluster.start({ pods: 2, env: { ETHERPLY_SYNC_STRATEGY: strategy } });
    const writer = await cluster.pod(0).connect('opened');
    for (let n = 0; n < 50; n += 1) await writer.set(`before-${n}`, n);
    const reader = await cluster.pod(1).connect('opened', { batch: '1' });
    const { data } = await reader.take('init');
    expect(Object.keys(data)).toHaveLength(50);
    await writer.set('after', 1);
    expect((await reader.take('ops')).payload).toMatchObject([{ key: 'after', value: 1 }]);
    const { heads } = await cluster.agreed('opened');
    const again = await cluster.pod(1).connect('opened', { heads: heads.join(',') });
    expect((await again.take('delta')).ops).toEqual([]);
  });

  test('an op that is sent again to another pod takes effect once', async () => {
    cluster = await Cluster.start({ pods: 2, env: { ETHERPLY_SYNC_STRATEGY: strategy } });
    const first = await cluster.pod(0).connect('again');
    await first.set('counted', 1, 'same');
    await first.set('counted', 2, 'other');
    await until(async () => (await cluster.pod(1).read('again')).data.counted === 2);
    const second = await cluster.pod(1).connect('again');
    await second.set('counted', 1, 'same');
    expect((await cluster.agreed('again')).data).toEqual({ counted: 2 });
  });

  test('settings and deletions hold on all pods', async () => {
    cluster = await Cluster.start({ pods: 2, env: { ETHERPLY_SYNC_STRATEGY: 'automerge' } });
    const [a, b] = [cluster.pod(0), cluster.pod(1)];
    const early = await b.connect('controlled');
    await early.take('init');
    await a.configure('controlled', { strategy });
    if (strategy !== 'automerge') expect(await early.closed()).toBe(1012);
    await until(async () => {
      const { body } = await b.request('GET', '/v1/workspaces/controlled/settings');
      return (body as { strategy: string }).strategy === strategy;
    });
    const client = await b.connect('controlled');
    await client.take('init');
    await client.set('gone', 1);
    await cluster.agreed('controlled');
    expect((await a.request('DELETE', '/v1/workspaces/controlled')).status).toBe(200);
    expect(await client.closed()).toBe(4410);
    expect((await cluster.agreed('controlled')).data).toEqual({});
    const later = await b.connect('controlled');
    await later.set('new', 1);
    expect((await cluster.agreed('controlled')).data).toEqual({ new: 1 });
  });
});
