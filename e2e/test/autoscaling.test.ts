import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../src/until.ts';
import { Cluster, SMALL } from './cluster.ts';
import { kubectl } from './kubectl.ts';
import type { Load } from './load.ts';
import { installOperator } from './operator.ts';
import { expectNothingLost, loadOn } from './scenario.ts';

describe('a cluster with autoscaling on ops a second', () => {
  let cluster: Cluster;
  let load: Load | undefined;

  beforeAll(async () => {
    await installOperator('--set=metricsApi.enabled=true');
    cluster = await Cluster.create('e2e-autoscaling', 'autoscaled.yaml', {
      replicas: 2,
      autoscaling: {
        minReplicas: 2,
        maxReplicas: 3,
        targetOpsPerSecond: 20,
        scaleDownAfterSeconds: 30,
        metrics: 'operator',
      },
      nats: { managed: { replicas: 1 } },
      stream: { replicas: 1 },
      podTemplate: { resources: SMALL },
    });
  });
  afterAll(async () => {
    await load?.abandon();
    await cluster.remove();
  });

  const loadAt = (pod: string, opsPerSecond: number) =>
    loadOn(`${cluster.name}-${pod}`, cluster, pod, { workspaces: 40, opsPerSecond });

  test('gets another pod when there is more to do, gives it up again, and loses nothing', async () => {
    await cluster.ready(2);
    const { load: busy } = await loadAt('1', 4);
    load = busy;
    await cluster.ready(3);

    // Others, some of them on the new pod, who do too little for three pods.
    const { load: calm, workspaces } = await loadAt('2', 0.25);
    await busy.end();
    load = calm;
    await cluster.ready(2);
    await calm.progressed(50);
    expect(calm.mostReconnects).toBe(1);
    await expectNothingLost('3 autoscaling up and down', cluster, calm, workspaces);
    load = undefined;
  });

  test('has the numbers from the operator', async () => {
    const path = '/apis/custom.metrics.k8s.io/v1beta2';
    const api = await until(() => kubectl('get', `--raw=${path}`), { what: 'the metrics API' });
    expect(api).toContain('etherply_ops_per_second');
  });
});
