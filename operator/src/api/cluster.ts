import { z } from 'zod';
import { ingress, networkPolicy } from './access.ts';
import { auth } from './auth.ts';
import { autoscaling } from './autoscaling.ts';
import { withRules } from './cel.ts';
import { nats, regions, stream } from './nats.ts';
import { image, limits, monitoring, podTemplate, webhook } from './pods.ts';
import { storage } from './storage.ts';
import { whole } from './values.ts';

/** What somebody wants of a cluster. Parsing it fills in what is left out. */
export const clusterSpec = withRules(
  z
    .object({
      replicas: whole(1, 99, 'Sync pods. With autoscaling this is set by the autoscaler.').default(3),
      image,
      strategy: z
        .enum(['automerge', 'lww', 'server-auth'])
        .default('automerge')
        .describe('How a workspace merges changes, as long as its own settings do not say.'),
      ack: z
        .enum(['local', 'replicated'])
        .default('replicated')
        .describe('When an op is acknowledged. local: it is durable on one pod. replicated: the stream has it, too.'),
      auth,
      storage,
      nats,
      stream,
      regions,
      ingress,
      autoscaling: autoscaling.optional(),
      limits,
      webhook: webhook.optional(),
      monitoring,
      networkPolicy,
      paused: z.boolean().default(false).describe('Whether the operator leaves everything as it is.'),
      podTemplate,
    })
    .describe('What the cluster is to be.'),
  {
    rule: '!has(self.nats.managed) || self.stream.replicas <= self.nats.managed.replicas',
    message: 'stream.replicas must not be more than nats.managed.replicas',
  },
);
export type ClusterSpec = z.infer<typeof clusterSpec>;

const condition = z.object({
  type: z.string().describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().describe('Why, in a word.'),
  message: z.string().describe('Why, for a person, and what to do.'),
  lastTransitionTime: z.string().meta({ format: 'date-time' }).describe('When the status changed.'),
  observedGeneration: whole(0, Number.MAX_SAFE_INTEGER, 'The generation of the spec that this is about.').optional(),
});

/** How a cluster is. */
export const clusterStatus = z
  .object({
    observedGeneration: whole(0, Number.MAX_SAFE_INTEGER, 'The generation of the spec that was acted upon.').optional(),
    replicas: whole(0, 99, 'Sync pods that there are.').optional(),
    readyReplicas: whole(0, 99, 'Sync pods that serve.').optional(),
    selector: z.string().optional().describe('Which pods an autoscaler looks at.'),
    endpoint: z.string().optional().describe('Where clients connect to.'),
    conditions: z.array(condition).optional().describe('How it is, one by one.'),
  })
  .describe('How the cluster is, as the operator sees it.');
export type ClusterStatus = z.infer<typeof clusterStatus>;
export type Condition = z.infer<typeof condition>;

/** An EtherPlyCluster. */
export interface Cluster {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly isBeingDeleted: boolean;
  readonly finalizers: readonly string[];
  readonly spec: ClusterSpec;
  readonly status: ClusterStatus;
}
