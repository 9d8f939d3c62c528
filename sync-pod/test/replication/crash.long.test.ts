import { afterEach, expect, test } from '@jest/globals';
import type { Pod } from '../pod.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';

/** `make test-long` asks for more. */
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4);

let cluster: Cluster;
afterEach(() => cluster.stop());

/** How often they have compacted a workspace since they started. */
async function compactionsOf(pods: readonly Pod[]): Promise<number> {
  const counts = await Promise.all(pods.map((pod) => pod.metric('etherply_compactions_total')));
  return counts.reduce((sum, count) => sum + count, 0);
}

test.each(['automerge', 'lww', 'server-auth'])(
  'kill -9 of a pod, of nats-server, or of both under load loses no acked op, and all pods agree: %s',
  async (strategy) => {
    cluster = await Cluster.start({
      pods: 3,
      env: { ETHERPLY_SYNC_STRATEGY: strategy, ETHERPLY_COMPACT_FROM_BYTES: '16384' },
    });
    const { nats, pods } = cluster;
    const workspaces = ['crash-a', 'crash-b'];
    const load = new Load(pods, workspaces, 3);
    let compactions = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await load.progressed(100 + Math.floor(Math.random() * 200));
      const pod = cluster.pod(Math.floor(Math.random() * pods.length));
      const victims = [[pod], [nats], [pod, nats]][round % 3] ?? [];
      compactions += await compactionsOf(pods);
      await Promise.all(victims.map((victim) => victim.end('SIGKILL')));
      await Promise.all(victims.map((victim) => victim.restart()));
    }
    await load.progressed(100);
    await load.end();
    for (const workspace of workspaces) load.expectAll(workspace, (await cluster.agreed(workspace)).data);
    expect(compactions + (await compactionsOf(pods))).toBeGreaterThan(0);
  },
  600_000,
);
