import { z } from 'zod';
import { ingress, networkPolicy } from './access.ts';
import { auth } from './auth.ts';
import { autoscaling } from './autoscaling.ts';
import { withRules } from './cel.ts';
import { nats } from './nats.ts';
import { image, limits, monitoring, podTemplate, webhook } from './pods.ts';
import { storage } from './storage.ts';
import { regions, stream } from './stream.ts';
import { listByKey, whole } from './values.ts';

/** What somebody wants of a cluster. Parsing it fills in what is left out. */
export const clusterSpec = withRules(
  z
    .object({
      replicas: whole(
        1,
        99,
        'How many sync pods there are. With autoscaling the autoscaler sets it: leave it out then.',
      ).default(3),
      image,
      strategy: z
        .enum(['automerge', 'lww', 'server-auth'])
        .default('automerge')
        .describe('How a workspace merges changes, as long as its own settings do not say.'),
      ack: z
        .enum(['local', 'replicated'])
        .default('replicated')
        .describe('When an op is acknowledged. local: it is durable on one pod. replicated: the stream has it, too.'),
      repoSync: z.boolean().default(false).describe('Whether clients of automerge-repo can connect, at `/v1/repo`.'),
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
      paused: z
        .boolean()
        .default(false)
        .describe(
          'Whether the operator leaves everything as it is: nothing is repaired, rolled or scaled until it is false again.',
        ),
      podTemplate,
    })
    .describe('What the cluster is to be.'),
  {
    rule: '!has(self.nats.managed) || self.stream.replicas <= self.nats.managed.replicas',
    message: 'stream.replicas must not be more than nats.managed.replicas',
  },
  {
    rule: "self.stream.retention != 'interest' || self.regions.others.size() == 0",
    message:
      'stream.retention interest does not go with regions.others: other regions read what the stream keeps. Set limits',
  },
  {
    rule: 'self.regions.others.size() == 0 || has(self.stream.name)',
    message: 'regions.others needs stream.name: the name under which the other clusters list this one',
  },
  {
    rule: '!has(self.stream.name) || !self.regions.others.exists(other, other.name == self.stream.name)',
    message: 'regions.others must not list this cluster itself (stream.name)',
  },
  {
    rule:
      '!has(self.regions.home) || (has(self.stream.name) && self.regions.home == self.stream.name) || ' +
      'self.regions.others.exists(other, other.name == self.regions.home)',
    message: 'regions.home must be stream.name or the name of one of regions.others',
  },
);
export type ClusterSpec = z.infer<typeof clusterSpec>;

const condition = z.object({
  type: z.string().describe('What it is about: Available, Progressing, Degraded, StreamReady, ….'),
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
    conditions: listByKey(z.array(condition), 'type').optional().describe('How it is, one by one.'),
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
