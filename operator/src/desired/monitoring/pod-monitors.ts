import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { CLUSTER_LABEL, type Component, selectorOf } from '../labels.ts';
import { metadataOf } from '../metadata.ts';
import { namesOf } from '../names.ts';

/** How Prometheus finds the metrics of the sync pods: https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor */
export function syncPodMonitor(cluster: Cluster, { apis }: Circumstances): KubeObject | undefined {
  if (!isWanted(cluster, apis)) return undefined;
  return monitor(cluster, namesOf(cluster).cluster, 'sync-pod', 'http');
}

/** How Prometheus finds the metrics of the router. */
export function routerMonitor(cluster: Cluster, { apis }: Circumstances): KubeObject | undefined {
  if (!isWanted(cluster, apis) || cluster.spec.ingress.mode !== 'router') return undefined;
  return monitor(cluster, namesOf(cluster).router, 'router', 'metrics');
}

function isWanted({ spec }: Cluster, apis: Circumstances['apis']): boolean {
  return spec.monitoring.podMonitor && apis.podMonitor;
}

function monitor(cluster: Cluster, name: string, component: Component, port: string): KubeObject {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: metadataOf(cluster, name, { component, labels: cluster.spec.monitoring.labels }),
    spec: {
      selector: { matchLabels: selectorOf(cluster, component) },
      podTargetLabels: [CLUSTER_LABEL],
      podMetricsEndpoints: [{ port, path: '/metrics', interval: '15s' }],
    },
  };
}
