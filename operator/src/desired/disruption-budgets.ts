import type { V1PodDisruptionBudgetSpec } from '@kubernetes/client-node';
import type { Cluster } from '../api/cluster.ts';
import type { KubeObject } from '../kube/object.ts';
import { type Component, selectorOf } from './labels.ts';
import { metadataOf } from './metadata.ts';
import { namesOf } from './names.ts';

/** Machines are emptied one sync pod at a time. */
export function syncPodBudget(cluster: Cluster): KubeObject {
  return budget(cluster, namesOf(cluster).cluster, 'sync-pod');
}

/** Machines are emptied one router at a time. */
export function routerBudget(cluster: Cluster): KubeObject | undefined {
  if (cluster.spec.ingress.mode !== 'router') return undefined;
  return budget(cluster, namesOf(cluster).router, 'router');
}

/** Machines are emptied one NATS server at a time: of three, two go on. */
export function natsBudget(cluster: Cluster): KubeObject | undefined {
  if (cluster.spec.nats.managed === undefined) return undefined;
  return budget(cluster, namesOf(cluster).nats, 'nats');
}

function budget(cluster: Cluster, name: string, component: Component): KubeObject {
  const spec: V1PodDisruptionBudgetSpec = {
    maxUnavailable: 1,
    selector: { matchLabels: selectorOf(cluster, component) },
    // A pod that does not serve keeps nobody up.
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  };
  const metadata = metadataOf(cluster, name, { component });
  return { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec };
}
