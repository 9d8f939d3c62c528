import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import type { ClaimFacts } from './facts.ts';
import { ordinalOf } from './pod.ts';

const claim = z.object({
  spec: z.object({
    storageClassName: z.string().optional(),
    resources: z.object({ requests: z.object({ storage: z.string() }) }),
  }),
  status: z
    .object({
      phase: z.string().optional(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
        .default([]),
    })
    .default({ conditions: [] }),
});

/** What a claim says of the volume of a pod of a StatefulSet: `shard-1-c-0` is one of `c-0`. */
export function claimFacts(object: KubeObject): ClaimFacts {
  const { spec, status } = claim.parse(object);
  const { metadata } = object;
  const failed = status.conditions.find((one) => /ResizeError$/.test(one.type) && one.status === 'True');
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    ordinal: ordinalOf(metadata.name),
    isBound: status.phase === 'Bound',
    isTerminating: metadata.deletionTimestamp !== undefined,
    storageClassName: spec.storageClassName,
    size: spec.resources.requests.storage,
    problem: status.phase === 'Lost' ? 'its volume is lost' : failed?.message,
  };
}
