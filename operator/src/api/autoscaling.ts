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
        'Connections of each pod, on average, from which on there are more. Unset: they do not count.',
      ).optional(),
      scaleDownAfterSeconds: whole(
        0,
        3600,
        'So many seconds there must have been too many pods all the time before one goes.',
      ).default(600),
      metrics: z
        .enum(['adapter', 'keda', 'operator'])
        .default('adapter')
        .describe(
          'Where the numbers come from. adapter: whatever serves custom.metrics.k8s.io, as prometheus-adapter. ' +
            'keda: KEDA, which asks Prometheus. operator: the operator serves them itself, where its chart says so.',
        ),
      prometheusAddress: z
        .string()
        .max(512)
        .regex(/^https?:\/\/[^\s]+$/)
        .optional()
        .describe('URL (http or https) of the Prometheus that KEDA asks. Needed with metrics keda.'),
    })
    .describe(
      'How many pods there are, by ops a second and connections. `replicas` is then set by the autoscaler alone. ' +
        'Unset: as many as `replicas` says.',
    ),
  { rule: 'self.minReplicas <= self.maxReplicas', message: 'minReplicas must not be more than maxReplicas' },
  {
    rule: "self.metrics != 'keda' || has(self.prometheusAddress)",
    message: 'metrics keda needs prometheusAddress: the URL of the Prometheus with the metrics of the pods',
  },
);
