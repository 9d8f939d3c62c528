import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import { claimSizeOf, claimTemplates } from './claim-templates.ts';
import type { StatefulSetFacts } from './facts.ts';

const statefulSet = z.object({
  spec: z.object({
    replicas: z.int().default(1),
    template: z.object({
      metadata: z.object({ annotations: z.record(z.string(), z.string()).default({}) }),
      spec: z.object({ containers: z.array(z.object({ name: z.string(), image: z.string().optional() })) }),
    }),
    volumeClaimTemplates: claimTemplates,
  }),
  status: z.object({ observedGeneration: z.int().optional(), updateRevision: z.string().optional() }).default({}),
});

/**
 * What the StatefulSet of the sync pods says.
 * @param container the one that a change of its image is told of
 */
export function statefulSetFacts(object: KubeObject, container: string): StatefulSetFacts {
  const { spec, status } = statefulSet.parse(object);
  return {
    replicas: spec.replicas,
    isCurrent: status.observedGeneration === object.metadata.generation,
    updateRevision: status.updateRevision,
    claimSize: claimSizeOf(spec.volumeClaimTemplates),
    template: {
      image: spec.template.spec.containers.find(({ name }) => name === container)?.image,
      annotations: spec.template.metadata.annotations,
    },
  };
}
