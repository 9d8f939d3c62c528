import { describe, expect, test } from '@jest/globals';
import { circumstancesOf, idsOf, objectOf, objectsOf, type Written } from './fixture.ts';

const CLUSTER = { apiVersion: 'etherply.io/v1alpha1', kind: 'EtherPlyCluster', name: 'demo' };
const KEDA = { metrics: 'keda', prometheusAddress: 'http://prometheus.monitoring.svc:9090' };

const scalersOf = (written: Written, changes = {}) =>
  idsOf(objectsOf(written, changes)).filter((id) => /^(HorizontalPodAutoscaler|ScaledObject)\//.test(id));

test.each<[autoscaling: Written | undefined, expected: readonly string[]]>([
  [undefined, []],
  [{}, ['HorizontalPodAutoscaler/demo']],
  [{ metrics: 'operator' }, ['HorizontalPodAutoscaler/demo']],
  [KEDA, ['ScaledObject/demo']],
])('with the autoscaling %j there is %j', (autoscaling, expected) => {
  expect(scalersOf(autoscaling === undefined ? {} : { autoscaling })).toEqual(expected);
});

test('without KEDA there is no ScaledObject, and nothing in its place', () => {
  const apis = { ...circumstancesOf().apis, scaledObject: false };
  expect(scalersOf({ autoscaling: KEDA }, { apis })).toEqual([]);
});

describe('the HorizontalPodAutoscaler', () => {
  const pods = (name: string, averageValue: string) => ({
    type: 'Pods',
    pods: { metric: { name }, target: { type: 'AverageValue', averageValue } },
  });

  test('scales the cluster, not the StatefulSet, by ops a second', () => {
    expect(objectOf('HorizontalPodAutoscaler/demo', { autoscaling: { minReplicas: 3, maxReplicas: 9 } })).toMatchObject(
      {
        apiVersion: 'autoscaling/v2',
        spec: {
          scaleTargetRef: CLUSTER,
          minReplicas: 3,
          maxReplicas: 9,
          metrics: [pods('etherply_ops_per_second', '5000')],
        },
      },
    );
  });

  test('and by connections where the spec says so', () => {
    const autoscaling = { targetOpsPerSecond: 100, targetConnections: 2000 };
    expect(objectOf('HorizontalPodAutoscaler/demo', { autoscaling })).toMatchObject({
      spec: { metrics: [pods('etherply_ops_per_second', '100'), pods('etherply_connections', '2000')] },
    });
  });

  test.each([
    [{}, 600],
    [{ scaleDownAfterSeconds: 30 }, 30],
  ])('takes pods away one at a time, and long after it was too many: %j', (autoscaling, stabilizationWindowSeconds) => {
    expect(objectOf('HorizontalPodAutoscaler/demo', { autoscaling })).toMatchObject({
      spec: {
        behavior: {
          scaleUp: { stabilizationWindowSeconds: 0 },
          scaleDown: { stabilizationWindowSeconds, policies: [{ type: 'Pods', value: 1, periodSeconds: 300 }] },
        },
      },
    });
  });
});

test('the ScaledObject asks Prometheus for the pods of this cluster alone', () => {
  const trigger = (metric: string, threshold: string) => ({
    type: 'prometheus',
    metricType: 'AverageValue',
    metadata: {
      serverAddress: KEDA.prometheusAddress,
      query: `sum(${metric}{namespace="chat",pod=~"demo-[0-9]+"})`,
      threshold,
    },
  });
  expect(objectOf('ScaledObject/demo', { autoscaling: { ...KEDA, targetConnections: 2000 } })).toMatchObject({
    spec: {
      scaleTargetRef: CLUSTER,
      minReplicaCount: 2,
      maxReplicaCount: 10,
      triggers: [trigger('etherply_ops_per_second', '5000'), trigger('etherply_connections', '2000')],
    },
  });
});
