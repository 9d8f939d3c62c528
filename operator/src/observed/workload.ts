import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import { claimSizeOf, claimTemplates } from './claim-templates.ts';
import type { PodFacts, WorkloadFacts } from './facts.ts';

const workload = z.object({
  spec: z.object({ replicas: z.int().default(1), volumeClaimTemplates: claimTemplates }),
  status: z
    .object({
      observedGeneration: z.int().optional(),
      readyReplicas: z.int().default(0),
      updatedReplicas: z.int().default(0),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), message: z.string().default('') }))
        .default([]),
    })
    .default({ readyReplicas: 0, updatedReplicas: 0, conditions: [] }),
});

/** What a Deployment or StatefulSet says of its pods, and what these say of themselves. */
export function workloadFacts(object: KubeObject, pods: readonly PodFacts[]): WorkloadFacts {
  const { spec, status } = workload.parse(object);
  // Of a Deployment: its pods are refused.
  const refused = status.conditions.find((one) => one.type === 'ReplicaFailure' && one.status === 'True');
  const stuck = pods.find(({ problem }) => problem !== undefined);
  return {
    replicas: spec.replicas,
    readyReplicas: status.readyReplicas,
    isCurrent: status.observedGeneration === object.metadata.generation && status.updatedReplicas >= spec.replicas,
    claimSize: claimSizeOf(spec.volumeClaimTemplates),
    problem: stuck === undefined ? refused?.message : `${stuck.name}: ${stuck.problem}`,
  };
}
