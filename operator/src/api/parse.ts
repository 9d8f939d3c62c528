import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import { type Cluster, clusterSpec, clusterStatus } from './cluster.ts';

/** An EtherPlyCluster that the schema of this version does not take: made with another one. The message is for a person. */
export class ClusterSpecError extends Error {
  override readonly name = 'ClusterSpecError';
  /** Each wrong field with what is wrong: `spec.storage.size: …`. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

const stored = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    generation: z.int().default(0),
    deletionTimestamp: z.string().optional(),
    finalizers: z.array(z.string()).default([]),
  }),
  spec: clusterSpec,
  status: clusterStatus.default({}),
});

/**
 * The cluster that an object of the API server is.
 * @throws ClusterSpecError
 */
export function parseCluster(object: KubeObject): Cluster {
  const { success, data, error } = stored.safeParse(object);
  if (!success) {
    throw new ClusterSpecError(error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`));
  }
  const { metadata, spec, status } = data;
  const { name, namespace, uid, generation, finalizers } = metadata;
  return {
    name,
    namespace,
    uid,
    generation,
    isBeingDeleted: metadata.deletionTimestamp !== undefined,
    finalizers,
    spec,
    status,
  };
}
