import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';
import { StreamView } from './stream-view.ts';

let cluster: Cluster;
let view: StreamView;
afterEach(async () => {
  await view.close();
  await cluster.stop();
});

describe.each(['automerge', 'lww', 'server-auth'])('%s', (strategy) => {
  test('pods that compact at once keep the stream short, and lose nothing', async () => {
    cluster = await Cluster.start({
      pods: 2,
      env: { ETHERPLY_SYNC_STRATEGY: strategy, ETHERPLY_COMPACT_FROM_BYTES: '8192' },
    });
    view = await StreamView.open(cluster.nats.url);
    const load = new Load(cluster.pods, ['rolled'], 4);
    await load.progressed(1500);
    await load.end();
    const { data } = await cluster.agreed('rolled');
    load.expectAll('rolled', data);
    const rollups = await Promise.all(cluster.pods.map((pod) => pod.metric('etherply_rollups_total')));
    expect(rollups.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(1);
    expect(await view.messages('rolled')).toBeLessThan(Object.keys(data).length / 2);
    // A pod with an empty volume opens what is left of the stream.
    await cluster.add();
    expect((await cluster.agreed('rolled')).data).toEqual(data);
  });

  test('what no message holds is an object, also while others write', async () => {
    cluster = await Cluster.start({
      pods: 2,
      env: { ETHERPLY_SYNC_STRATEGY: strategy, ETHERPLY_COMPACT_FROM_BYTES: '200000' },
      nats: 'max_payload: 65536',
    });
    view = await StreamView.open(cluster.nats.url);
    const writer = await cluster.pod(0).connect('large');
    await writer.set('one', 'x'.repeat(100_000));
    for (let n = 0; n < 8; n += 1) await writer.set(`piece-${n}`, String(n).repeat(50_000));
    await until(async () => (await cluster.pod(0).metric('etherply_rollups_total')) > 0);
    expect((await view.objects()).length).toBeGreaterThan(0);
    await writer.set('after', 1);
    await cluster.add();
    const { data } = await cluster.agreed('large');
    expect(Object.keys(data)).toHaveLength(10);
    expect(data).toMatchObject({ one: 'x'.repeat(100_000), 'piece-7': '7'.repeat(50_000), after: 1 });
  });
});

test('a stream that somebody deletes is made again, with all that was in it', async () => {
  cluster = await Cluster.start({ pods: 2 });
  view = await StreamView.open(cluster.nats.url);
  const before = new Load(cluster.pods, ['deleted'], 2, 'before');
  await before.progressed(100);
  await view.deleteStream();
  await before.progressed(100);
  await before.end();
  await cluster.add();
  const { data } = await cluster.agreed('deleted');
  before.expectAll('deleted', data);
});
