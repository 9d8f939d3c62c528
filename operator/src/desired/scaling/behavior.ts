import type { V2HorizontalPodAutoscalerBehavior } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';

type Autoscaling = NonNullable<Cluster['spec']['autoscaling']>;

/**
 * Up at once, for clients wait; down one pod in five minutes, and only when it was too many all the time: each pod that goes
 * hands over what it has, and its clients connect again.
 */
export function behaviorOf({ scaleDownAfterSeconds }: Autoscaling): V2HorizontalPodAutoscalerBehavior {
  return {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: 100, periodSeconds: 60 },
        { type: 'Pods', value: 2, periodSeconds: 60 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: scaleDownAfterSeconds,
      selectPolicy: 'Min',
      policies: [{ type: 'Pods', value: 1, periodSeconds: 300 }],
    },
  };
}

/** Names of the metrics of the sync pods that count. */
export const OPS_PER_SECOND = 'etherply_ops_per_second';
export const CONNECTIONS = 'etherply_connections';
