import type { Cluster } from '../../api/cluster.ts';
import { GROUP, KIND, VERSION } from '../../api/crd.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { metadataOf } from '../metadata.ts';
import { namesOf } from '../names.ts';
import { behaviorOf, CONNECTIONS, OPS_PER_SECOND } from './behavior.ts';

/** The same by KEDA, which asks Prometheus: https://keda.sh/docs/latest/scalers/prometheus/ */
export function scaledObject(cluster: Cluster, { apis }: Circumstances): KubeObject | undefined {
  const { autoscaling } = cluster.spec;
  if (autoscaling === undefined || autoscaling.metrics !== 'keda' || !apis.scaledObject) return undefined;
  const { minReplicas, maxReplicas, targetOpsPerSecond, targetConnections, prometheusAddress } = autoscaling;
  const trigger = (metric: string, threshold: number) => ({
    type: 'prometheus',
    metricType: 'AverageValue',
    metadata: { serverAddress: prometheusAddress, query: query(cluster, metric), threshold: String(threshold) },
  });
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: metadataOf(cluster, namesOf(cluster).cluster),
    spec: {
      scaleTargetRef: { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, name: cluster.name },
      minReplicaCount: minReplicas,
      maxReplicaCount: maxReplicas,
      pollingInterval: 15,
      triggers: [
        trigger(OPS_PER_SECOND, targetOpsPerSecond),
        ...(targetConnections === undefined ? [] : [trigger(CONNECTIONS, targetConnections)]),
      ],
      advanced: { horizontalPodAutoscalerConfig: { behavior: behaviorOf(autoscaling) } },
    },
  };
}

/** Of all pods together: KEDA divides by how many there are. Their names tell them from those of other clusters. */
function query({ name, namespace }: Cluster, metric: string): string {
  return `sum(${metric}{namespace="${namespace}",pod=~"${name}-[0-9]+"})`;
}
