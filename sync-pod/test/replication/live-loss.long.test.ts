import { afterEach, expect, test } from '@jest/globals';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';
import { type Fate, NatsProxy } from './nats-proxy.ts';

let cluster: Cluster;
let proxy: NatsProxy;
afterEach(async () => {
  await cluster.stop();
  await proxy.stop();
});

/** One of five messages does not simply pass. */
function anyFate(): Fate {
  const fates: readonly Fate[] = ['is lost', 'comes twice', 'comes late'];
  return Math.random() < 0.2 ? (fates[Math.floor(Math.random() * fates.length)] ?? 'passes') : 'passes';
}

test.each(['automerge', 'lww', 'server-auth'])(
  'live messages that are lost, come twice or late, and connections that are cut, change nothing: %s',
  async (strategy) => {
    cluster = await Cluster.start({ pods: 1, env: { ETHERPLY_SYNC_STRATEGY: strategy } });
    proxy = await NatsProxy.start(cluster.nats.port, anyFate);
    for (const _ of ['second', 'third']) await cluster.add({ ETHERPLY_NATS_URL: proxy.url });
    const load = new Load(cluster.pods, ['lossy'], 4);
    for (let cuts = 0; cuts < 3; cuts += 1) {
      await load.progressed(200);
      proxy.cut();
    }
    await load.progressed(200);
    await load.end();
    load.expectAll('lossy', (await cluster.agreed('lossy')).data);
    expect(proxy.mistreated).toBeGreaterThan(5);
  },
);

test('the last message before a rest is missed by nobody for long', async () => {
  let fate: Fate = 'passes';
  cluster = await Cluster.start({ pods: 1 });
  proxy = await NatsProxy.start(cluster.nats.port, () => fate);
  const pod = await cluster.add({ ETHERPLY_NATS_URL: proxy.url });
  const reader = await pod.connect('rest');
  await reader.take('init');
  const writer = await cluster.pod(0).connect('rest');
  fate = 'is lost';
  await writer.set('last', 1);
  expect((await reader.take('op')).payload).toMatchObject({ key: 'last' });
  expect(await pod.metric('etherply_stream_gaps_total')).toBe(1);
});
