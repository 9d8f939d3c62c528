import { z } from 'zod';
import { withRules } from './cel.ts';
import { whole } from './values.ts';

/** How many pods there are, by what they have to do. */
export const autoscaling = withRules(
  z
    .object({
      minReplicas: whole(1, 99, 'Fewest pods.').default(2),
      maxReplicas: whole(1, 99, 'Most pods.').default(10),
      targetOpsPerSecond: whole(
        1,
        1_000_000,
        'Ops a second of each pod, on average, from which on there are more.',
      ).default(5000),
      targetConnections: whole(
        1,
        1_000_000,
        'Connections of each pod, on average, from which on there are more.',
      ).optional(),
      metrics: z
        .enum(['adapter', 'keda', 'operator'])
        .default('adapter')
        .describe(
          'Where the numbers come from. adapter: whatever serves custom.metrics.k8s.io. keda: a ScaledObject. ' +
            'operator: the operator serves them itself, where its chart says so.',
        ),
    })
    .describe(
      'How many pods there are, by ops a second and connections. `replicas` is then set by the autoscaler alone.',
    ),
  { rule: 'self.minReplicas <= self.maxReplicas', message: 'minReplicas must not be more than maxReplicas' },
);
