import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Daemon, Daemons } from '../src/kubernetes/daemons.ts';
import { Sandbox } from '../src/sandbox/sandbox.ts';
import { until } from '../src/until.ts';
import { Cluster, SMALL } from './cluster.ts';
import { kubectl } from './kubectl.ts';
import { installOperator } from './operator.ts';
import { whileClientsWrite } from './scenario.ts';

/** For how long there is no API server. */
const AWAY_MS = 60_000;

describe('a cluster whose Kubernetes fails', () => {
  let cluster: Cluster;
  let daemons: Daemons;

  beforeAll(async () => {
    const sandbox = await Sandbox.running();
    if (sandbox === undefined) throw new Error('this takes the Kubernetes of `make e2e`');
    daemons = await Daemons.of(sandbox);
    await installOperator();
    cluster = await Cluster.create('e2e-daemons', 'minimal.yaml', { podTemplate: { resources: SMALL } });
  });
  afterAll(async () => {
    await start('kube-apiserver');
    await start('kubelet');
    await cluster.remove();
  });

  async function start(daemon: Daemon): Promise<void> {
    await daemons.start(daemon);
    await until(() => kubectl('get', '--raw=/readyz'), { what: 'the API server', timeoutMs: 120_000 });
  }

  test('serves on while the API server is away, and is looked after again', async () => {
    await whileClientsWrite('5f API server away', cluster, async (load) => {
      await daemons.stop('kube-apiserver');
      const back = performance.now() + AWAY_MS;
      await until(() => performance.now() > back, { timeoutMs: 2 * AWAY_MS });
      await load.progressed(200);
      expect(load.mostReconnects).toBe(0);
      await start('kube-apiserver');
      await cluster.kubectl('delete', 'service', cluster.name);
      await until(() => cluster.url(), { what: 'the Service that the operator makes anew', timeoutMs: 120_000 });
    });
  });

  test('serves on while the kubelet is started anew', async () => {
    await whileClientsWrite('5e kubelet restarted', cluster, async (load) => {
      await daemons.stop('kubelet');
      await load.progressed(500);
      await start('kubelet');
      await load.progressed(500);
      expect(load.mostReconnects).toBe(0);
    });
    for (const pod of await cluster.pods()) expect(pod).toMatchObject({ restarts: 0 });
  });
});
