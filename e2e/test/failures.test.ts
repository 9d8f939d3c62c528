import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../src/until.ts';
import { Cluster, SMALL } from './cluster.ts';
import { images } from './environment.ts';
import { kubectl } from './kubectl.ts';
import type { Load } from './load.ts';
import { installOperator, OPERATOR_NAMESPACE } from './operator.ts';
import { whileClientsWrite } from './scenario.ts';

describe('a cluster of three pods under load', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    await installOperator();
    cluster = await Cluster.create('e2e-failures', 'minimal.yaml', { replicas: 3, podTemplate: { resources: SMALL } });
  });
  afterAll(() => cluster.remove());

  const underLoad = (scenario: string, happens: (load: Load) => Promise<void>, pod?: number) =>
    whileClientsWrite(scenario, cluster, happens, pod);

  /** Resolves when a pod of that name is there, but not the one with this uid, and is ready. */
  async function replaced(name: string, uid: string, component: 'sync-pod' | 'nats' = 'sync-pod'): Promise<void> {
    const isReplaced = async () =>
      (await cluster.pods(component)).some((pod) => pod.name === name && pod.uid !== uid && pod.isReady);
    await until(isReplaced, { what: `another ${name}`, timeoutMs: 180_000 });
  }

  test('rolls to another image without a lost op, each client disconnected at most twice', async () => {
    await underLoad('4 rolling update', async (running) => {
      await cluster.patch({ image: { tag: images.nextTag } });
      await cluster.settled();
      expect(running.mostReconnects).toBeLessThanOrEqual(2);
    });
  });

  test('rolls to a changed limit without a lost op, each client disconnected at most twice', async () => {
    await underLoad('4 changed limit', async (running) => {
      await cluster.patch({ limits: { maxConnectionsPerWorkspace: 321 } });
      await cluster.settled();
      expect(running.mostReconnects).toBeLessThanOrEqual(2);
    });
  });

  test('loses nothing when a pod is deleted by force', async () => {
    await underLoad('5a pod deleted by force', async () => {
      const [pod] = await cluster.ready(3);
      if (pod === undefined) throw new Error('there is no pod');
      await cluster.kubectl('delete', 'pod', pod.name, '--force', '--grace-period=0');
      await replaced(pod.name, pod.uid);
    });
  });

  test('loses nothing when the volume of a pod is lost', async () => {
    await underLoad('5b volume lost', async () => {
      const [, pod] = await cluster.ready(3);
      if (pod === undefined) throw new Error('there is no pod');
      await cluster.kubectl('delete', 'pvc', `shard-0-${pod.name}`, '--wait=false');
      await cluster.kubectl('delete', 'pod', pod.name, '--force', '--grace-period=0');
      await replaced(pod.name, pod.uid);
    });
  });

  test('loses nothing when the NATS server is killed', async () => {
    await underLoad('5c NATS killed', async () => {
      const [pod] = await cluster.pods('nats');
      if (pod === undefined) throw new Error('there is no NATS pod');
      await cluster.kubectl('delete', 'pod', pod.name, '--force', '--grace-period=0');
      await replaced(pod.name, pod.uid, 'nats');
    });
  });

  test('loses nothing when the operator is killed in the middle of a scale-down', async () => {
    await cluster.kubectl('scale', 'epc', cluster.name, '--replicas=4');
    await cluster.ready(4);
    await cluster.settled();
    const scaleDown = async (running: Load) => {
      await cluster.kubectl('scale', 'epc', cluster.name, '--replicas=3');
      const isDraining = async () => (await cluster.readiness(`${cluster.name}-3`)).includes('draining');
      await until(isDraining, { what: 'the drain of a pod', timeoutMs: 60_000 });
      await kubectl('delete', 'pods', `--namespace=${OPERATOR_NAMESPACE}`, '--all', '--force', '--grace-period=0');
      await cluster.ready(3);
      expect(running.mostReconnects).toBe(1);
    };
    await underLoad('5d operator killed while scaling down', scaleDown, 3);
  });
});
