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
      autoscaling: { minReplicas: 2, maxReplicas: 3, targetOpsPerSecond: 20, metrics: 'operator' },
      nats: { managed: { replicas: 1 } },
      stream: { replicas: 1 },
      podTemplate: { resources: SMALL },
    });
  });
  afterAll(async () => {
    await load?.abandon();
    await cluster.remove();
  });

  const loadAt = (pod: string) => loadOn(`${cluster.name}-${pod}`, cluster, pod, { workspaces: 40, opsPerSecond: 4 });

  test('gets another pod when there is more to do, gives it up again, and loses nothing', async () => {
    await cluster.ready(2);
    const { load: first } = await loadAt('1');
    load = first;
    await cluster.ready(3);
    await first.end();

    const { load: second, workspaces } = await loadAt('2');
    load = second;
    await second.progressed(200);
    // By itself the autoscaler waits for ten minutes.
    await cluster.patch({ autoscaling: { maxReplicas: 2 } });
    await cluster.ready(2);
    await second.progressed(200);
    expect(second.mostReconnects).toBe(1);
    await expectNothingLost('3 autoscaling up and down', cluster, second, workspaces);
    load = undefined;
  });

  test('has the numbers from the operator', async () => {
    const path = '/apis/custom.metrics.k8s.io/v1beta2';
    const api = await until(() => kubectl('get', `--raw=${path}`), { what: 'the metrics API' });
    expect(api).toContain('etherply_ops_per_second');
  });
});
