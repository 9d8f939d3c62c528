import type { Cluster } from '../api/cluster.ts';

/** The parts of a cluster that have pods. */
export type Component = 'sync-pod' | 'router' | 'nats';

export const CLUSTER_LABEL = 'etherply.io/cluster';
const COMPONENT_LABEL = 'app.kubernetes.io/component';
/** Of a pod template: what the pod is configured with. */
export const CONFIG_HASH_ANNOTATION = 'etherply.io/config-hash';
/** Of a pod template: what is in the Secrets that the pod takes something of. */
export const SECRETS_HASH_ANNOTATION = 'etherply.io/secrets-hash';

/** The labels of an object: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export function labelsOf({ name }: Pick<Cluster, 'name'>, component?: Component): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'etherply',
    'app.kubernetes.io/instance': name,
    ...(component === undefined ? {} : { [COMPONENT_LABEL]: component }),
    'app.kubernetes.io/managed-by': 'etherply-operator',
    [CLUSTER_LABEL]: name,
  };
}

/** The labels by which pods of a component are chosen. They never change: a StatefulSet takes no others. */
export function selectorOf({ name }: Pick<Cluster, 'name'>, component: Component): Record<string, string> {
  return { [CLUSTER_LABEL]: name, [COMPONENT_LABEL]: component };
}
