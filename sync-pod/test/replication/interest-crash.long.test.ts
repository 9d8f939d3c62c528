import { afterEach, expect, test } from '@jest/globals';
import { KeptCluster, WORKSPACES } from './kept-cluster.ts';
import { Load } from './load.ts';

/** `make test-long` asks for more. Half as many as of other streams: the crashes are the same, and it takes as long. */
const ROUNDS = Math.ceil(Number(process.env.CRASH_ROUNDS ?? 4) / 2);

let kept: KeptCluster;
afterEach(() => kept.stop());

test.each(['automerge', 'lww', 'server-auth'])(
  'kill -9 of a pod, or of one and nats-server, under load leaves everything acked on every pod: %s',
  async (strategy) => {
    kept = await KeptCluster.start({ ETHERPLY_SYNC_STRATEGY: strategy });
    const { cluster } = kept;
    const load = new Load(cluster.pods, WORKSPACES, 2);
    for (let round = 0; round < ROUNDS; round += 1) {
      await load.progressed(100 + Math.floor(Math.random() * 200));
      const pod = cluster.pod(Math.floor(Math.random() * cluster.pods.length));
      const victims = [[pod], [pod, cluster.nats], [cluster.nats]][round % 3] ?? [];
      await Promise.all(victims.map((victim) => victim.end('SIGKILL')));
      await Promise.all(victims.map((victim) => victim.restart()));
    }
    await load.progressed(100);
    await load.end();
    await kept.takenIn();
    for (const workspace of WORKSPACES) load.expectAll(workspace, (await cluster.agreed(workspace)).data);
    expect(load.acked).toBeGreaterThan(100 * ROUNDS);
    await kept.expectOnEach(load);
  },
  600_000,
);
