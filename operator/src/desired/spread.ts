import type { V1Affinity, V1TopologySpreadConstraint } from '@kubernetes/client-node';
import type { Cluster } from '../api/cluster.ts';
import { type Component, selectorOf } from './labels.ts';

/** Pods of a component keep off each other's nodes where they can. */
export function apart(cluster: Cluster, component: Component): V1Affinity {
  const podAffinityTerm = {
    labelSelector: { matchLabels: selectorOf(cluster, component) },
    topologyKey: 'kubernetes.io/hostname',
  };
  return { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] } };
}

/** Pods of a component are spread over zones where that is possible. */
export function overZones(cluster: Cluster, component: Component): V1TopologySpreadConstraint[] {
  return [
    {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: selectorOf(cluster, component) },
    },
  ];
}
