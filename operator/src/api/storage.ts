import { z } from 'zod';
import { immutable } from './cel.ts';
import { bytes, objectName, whole } from './values.ts';

/** Where pods keep what they have. */
export const storage = z
  .object({
    shards: immutable(
      whole(1, 16, 'Volumes of each pod. Workspaces are spread over them by the part of their id before the colon.'),
      'where a workspace lies follows from the number of shards. Make a cluster with more, and let it join',
    ).default(1),
    size: bytes('Size of each volume. It can grow where the storage class allows that.').default('10Gi'),
    storageClassName: immutable(
      objectName('Storage class of the volumes. Unset: the default of the Kubernetes cluster.'),
      'Kubernetes cannot move a volume to another class',
    ).optional(),
    retain: z
      .enum(['Retain', 'Delete'])
      .default('Retain')
      .describe('What happens to the volumes when the cluster is deleted, and to those of pods that are scaled away.'),
  })
  .prefault({})
  .describe('Where pods keep what they have: one RocksDB database for each volume.');
