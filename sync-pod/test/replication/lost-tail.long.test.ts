import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const WORKSPACES = ['lost-a', 'lost-b'];

/** Writes through all pods until so much has been acked, and everything that was sent. */
async function write(load: Load): Promise<Load> {
  await load.progressed(200);
  await load.end();
  return load;
}

describe.each(['automerge', 'lww', 'server-auth'])('%s', (strategy) => {
  test.each([
    ['its tail', false],
    ['everything', true],
  ])('a stream that lost %s gets it back from the pods', async (_, everything) => {
    cluster = await Cluster.start({
      pods: 2,
      env: { ETHERPLY_SYNC_STRATEGY: strategy, ETHERPLY_COMPACT_FROM_BYTES: '16384' },
    });
    const { nats, pods } = cluster;
    const before = await write(new Load(pods, WORKSPACES, 2, 'before'));
    await nats.copyStore();
    const lost = await write(new Load(pods, WORKSPACES, 2, 'lost'));
    await nats.end('SIGKILL');
    if (everything) await nats.clearStore();
    else await nats.restoreStore();
    await nats.restart();
    // The stream gives the numbers of what it lost to others.
    const after = await write(new Load(pods, WORKSPACES, 2, 'after'));
    await cluster.add();
    for (const workspace of WORKSPACES) {
      const all = { ...before.of(workspace), ...lost.of(workspace), ...after.of(workspace) };
      // Pods that go by the order of the stream begin again with what that has, and may agree on less for a moment.
      await until(async () => isDeepStrictEqual((await cluster.agreed(workspace)).data, all));
    }
  });
});

test('what only one volume has left comes back to all pods', async () => {
  cluster = await Cluster.start({ pods: 2 });
  const { nats } = cluster;
  await write(new Load(cluster.pods, WORKSPACES, 1, 'early'));
  const [lonely] = cluster.pods;
  const load = await write(new Load(cluster.pods.slice(0, 1), WORKSPACES, 1, 'only'));
  await lonely?.end('SIGKILL');
  await nats.end('SIGKILL');
  await nats.clearStore();
  await nats.restart();
  const fresh = await cluster.add();
  await lonely?.restart();
  await fresh.ready();
  for (const workspace of WORKSPACES) {
    expect((await cluster.agreed(workspace)).data).toMatchObject(load.of(workspace));
  }
});
