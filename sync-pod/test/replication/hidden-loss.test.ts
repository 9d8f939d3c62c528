import { isDeepStrictEqual } from 'node:util';
import { afterEach, test } from '@jest/globals';
import { until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';
import { NatsProxy } from './nats-proxy.ts';

let cluster: Cluster;
const proxies: NatsProxy[] = [];
afterEach(async () => {
  await cluster.stop();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});

/** A pod that reaches NATS as long as its proxy lets it. */
async function addBehindProxy() {
  const proxy = await NatsProxy.start(cluster.nats.port);
  proxies.push(proxy);
  return { proxy, pod: await cluster.add({ ETHERPLY_NATS_URL: proxy.url }) };
}

test.each(['automerge', 'lww', 'server-auth'])(
  '%s: what a stream lost comes back, also where a state of others has replaced the last message that a pod knew',
  async (strategy) => {
    cluster = await Cluster.start({
      pods: 0,
      env: {
        ETHERPLY_SYNC_STRATEGY: strategy,
        ETHERPLY_ACK: 'replicated',
        ETHERPLY_COMPACT_FROM_BYTES: '16384',
      },
    });
    const { nats } = cluster;
    const [late, early] = [await addBehindProxy(), await addBehindProxy()];
    const write = async (entry: typeof late, name: string, ops: number) => {
      const load = new Load([entry.pod], ['hidden'], 1, name);
      await load.progressed(ops);
      await load.end();
      return load;
    };
    const before = await write(late, 'before', 50);
    await cluster.agreed('hidden');
    await nats.copyStore();
    early.proxy.block();
    const lost = await write(late, 'lost', 20);
    late.proxy.block();
    await nats.end('SIGKILL');
    await nats.restoreStore();
    await nats.restart();
    early.proxy.unblock();
    const rollups = await early.pod.metric('etherply_rollups_total');
    const after = await write(early, 'after', 600);
    await until(async () => (await early.pod.metric('etherply_rollups_total')) > rollups);
    late.proxy.unblock();
    const all = { ...before.of('hidden'), ...lost.of('hidden'), ...after.of('hidden') };
    // Pods that go by the order of the stream begin again with what that has, and may agree on less for a moment.
    await until(async () => isDeepStrictEqual((await cluster.agreed('hidden')).data, all));
  },
);
