import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '../pod.ts';
import { KeptCluster, WORKSPACES } from './kept-cluster.ts';
import { Load } from './load.ts';

let kept: KeptCluster;
afterEach(() => kept.stop());

describe.each(['automerge', 'lww', 'server-auth'])('%s', (strategy) => {
  test('every pod gets everything, and the stream keeps only what some pod lacks', async () => {
    kept = await KeptCluster.start({ ETHERPLY_SYNC_STRATEGY: strategy });
    const { cluster, view } = kept;
    const [away] = cluster.pods;
    const first = await kept.write(cluster.pods, 'first');
    await kept.emptied();
    await away?.end('SIGKILL');
    const second = await kept.write(cluster.pods.slice(1), 'second');
    expect(await view.count()).toBeGreaterThan(0);
    await away?.restart();
    await kept.emptied();
    const third = await kept.write(cluster.pods, 'third');
    await kept.emptied();
    for (const workspace of WORKSPACES) await cluster.agreed(workspace);
    await kept.expectOnEach(first, second, third);
  });

  test('a pod with an empty volume gets everything, while others write', async () => {
    kept = await KeptCluster.start({ ETHERPLY_SYNC_STRATEGY: strategy });
    const { cluster } = kept;
    const before = await kept.write(cluster.pods, 'before');
    await kept.emptied();
    const load = new Load(cluster.pods, WORKSPACES.slice(1), 2, 'during');
    await load.progressed(50);
    const fresh = await cluster.add();
    await load.progressed(50);
    await load.end();
    await kept.emptied();
    expect(await fresh.metric('etherply_replicated_messages_total')).toBeGreaterThan(0);
    for (const workspace of WORKSPACES) await cluster.agreed(workspace);
    await kept.expectOnEach(before, load);
  });

  test('a stream that is deleted under load is made again, and every pod has everything', async () => {
    kept = await KeptCluster.start({ ETHERPLY_SYNC_STRATEGY: strategy });
    const { cluster, view } = kept;
    const load = new Load(cluster.pods, WORKSPACES, 2);
    await load.progressed(100);
    await view.deleteStream();
    await load.progressed(100);
    await load.end();
    await until(async () => (await view.completePods()) === cluster.pods.length);
    await Promise.all(cluster.pods.map((pod) => pod.ready()));
    await kept.emptied();
    for (const workspace of WORKSPACES) load.expectAll(workspace, (await cluster.agreed(workspace)).data);
    await kept.expectOnEach(load);
  });

  test('a stream that lost its tail gets it back, and every pod has everything', async () => {
    kept = await KeptCluster.start({ ETHERPLY_SYNC_STRATEGY: strategy });
    const { cluster } = kept;
    const { nats } = cluster;
    const [crashed] = cluster.pods;
    const before = await kept.write(cluster.pods, 'before');
    await kept.emptied();
    await nats.copyStore();
    const lost = await kept.write(cluster.pods, 'lost');
    await Promise.all([nats.end('SIGKILL'), crashed?.end('SIGKILL')]);
    await nats.restoreStore();
    await Promise.all([nats.restart(), crashed?.restart()]);
    // The stream gives the numbers of what it lost to others.
    const after = await kept.write(cluster.pods, 'after');
    await kept.takenIn();
    for (const workspace of WORKSPACES) await cluster.agreed(workspace);
    await kept.expectOnEach(before, lost, after);
    // What was on its way to a pod when both ended comes again after 30 s, the time that the stream waits for an answer.
  }, 300_000);
});

test.each(['automerge', 'server-auth'])('%s: a pod that hears of a loss last has everything, too', async (strategy) => {
  kept = await KeptCluster.start({ ETHERPLY_SYNC_STRATEGY: strategy });
  const { cluster } = kept;
  const { nats } = cluster;
  const [late, ...others] = cluster.pods;
  const [first = '', second = ''] = WORKSPACES;
  const before = await kept.write(cluster.pods, 'before');
  await kept.emptied();
  await nats.copyStore();
  const lost = await kept.write(cluster.pods, 'lost', 600);
  const last = await kept.write(cluster.pods, 'last', 20, [first]);
  await kept.takenIn();
  await late?.pause();
  await nats.end('SIGKILL');
  await nats.restoreStore();
  await nats.restart();
  // It goes by numbers that were lost, and the pod knows.
  const passed = await kept.write(others, 'passed', 20, [second]);
  // More than was lost.
  const after = await kept.write(others, 'after', 2000, [first]);
  late?.resume();
  await kept.takenIn();
  for (const workspace of WORKSPACES) await cluster.agreed(workspace);
  await kept.expectOnEach(before, lost, last, passed, after);
});

test.each(['automerge', 'server-auth'])(
  '%s: what one pod alone had of a lost end comes back, also when the others were quicker and wrote more',
  async (strategy) => {
    kept = await KeptCluster.start({ ETHERPLY_SYNC_STRATEGY: strategy });
    const { cluster } = kept;
    const alone = cluster.pod(0);
    const before = await kept.write(cluster.pods, 'before');
    await kept.emptied();
    const lost = await kept.lose(alone, () => kept.write([alone], 'lost', 100));
    const after = await kept.write(cluster.pods.slice(1), 'after', 2000);
    alone.resume();
    await kept.takenIn();
    for (const workspace of WORKSPACES) await cluster.agreed(workspace);
    await kept.expectOnEach(before, lost, after);
  },
);

test('a pod without a copy says so, and serves nothing until it has one', async () => {
  kept = await KeptCluster.start();
  const { cluster } = kept;
  const load = await kept.write(cluster.pods, 'before');
  await kept.emptied();
  await Promise.all(cluster.pods.map((pod) => pod.end('SIGKILL')));
  const fresh = await cluster.addUnready();
  await until(async () => {
    const { status, body } = await fresh.request('GET', '/readyz');
    return status === 503 && JSON.stringify(body).includes('copying');
  });
  expect((await fresh.request('GET', '/v1/workspaces/kept-a')).status).toBe(503);
  await Promise.all(cluster.pods.filter((pod) => pod !== fresh).map((pod) => pod.restart()));
  await fresh.ready();
  for (const workspace of WORKSPACES) load.expectAll(workspace, (await fresh.read(workspace)).data);
});

test('a pod whose consumer was deleted gets a copy again, and brings what only it has', async () => {
  kept = await KeptCluster.start();
  const { cluster, view } = kept;
  const [away] = cluster.pods;
  const before = await kept.write(cluster.pods, 'before');
  await kept.emptied();
  await away?.end('SIGKILL');
  await view.deleteConsumer(await cluster.pod(0).consumer());
  const during = await kept.write(cluster.pods.slice(1), 'during');
  await kept.emptied();
  await away?.restart();
  await Promise.all(cluster.pods.map((pod) => pod.ready()));
  const after = await kept.write(cluster.pods, 'after');
  await kept.emptied();
  for (const workspace of WORKSPACES) await cluster.agreed(workspace);
  await kept.expectOnEach(before, during, after);
});
