import type { V2HorizontalPodAutoscalerSpec, V2MetricSpec } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';
import { GROUP, KIND, VERSION } from '../../api/crd.ts';
import type { KubeObject } from '../../kube/object.ts';
import { metadataOf } from '../metadata.ts';
import { namesOf } from '../names.ts';
import { behaviorOf, CONNECTIONS, OPS_PER_SECOND } from './behavior.ts';

/** It says how many pods there are to be, to the cluster: only the operator scales the StatefulSet. KEDA makes its own. */
export function horizontalPodAutoscaler(cluster: Cluster): KubeObject | undefined {
  const { autoscaling } = cluster.spec;
  if (autoscaling === undefined || autoscaling.metrics === 'keda') return undefined;
  const { minReplicas, maxReplicas, targetOpsPerSecond, targetConnections } = autoscaling;
  const spec: V2HorizontalPodAutoscalerSpec = {
    scaleTargetRef: { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, name: cluster.name },
    minReplicas,
    maxReplicas,
    metrics: [
      perPod(OPS_PER_SECOND, targetOpsPerSecond),
      ...(targetConnections === undefined ? [] : [perPod(CONNECTIONS, targetConnections)]),
    ],
    behavior: behaviorOf(autoscaling),
  };
  const metadata = metadataOf(cluster, namesOf(cluster).cluster);
  return { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata, spec };
}

function perPod(name: string, average: number): V2MetricSpec {
  return {
    type: 'Pods',
    pods: { metric: { name }, target: { type: 'AverageValue', averageValue: String(average) } },
  };
}
