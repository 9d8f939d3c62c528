import { z } from 'zod';
import { growing, immutable, immutableField, withRules } from './cel.ts';
import { bytes, objectName, whole } from './values.ts';

/** Where pods keep what they have. */
export const storage = withRules(
  z
    .object({
      shards: immutable(
        whole(
          1,
          16,
          'Volumes of each pod. Workspaces are spread over them by the part of their id before the colon. Cannot be changed.',
        ),
        'where a workspace lies follows from the number of shards. Make another EtherPlyCluster with as many as you want',
      ).default(1),
      size: growing(
        bytes(
          'Size of each volume, in bytes as a quantity. It can only grow, and only where the storage class allows it.',
        ),
      ).default('10Gi'),
      storageClassName: objectName(
        'Storage class of the volumes. Unset: the default of the Kubernetes cluster. Cannot be changed.',
      ).optional(),
      retain: z
        .enum(['Retain', 'Delete'])
        .default('Retain')
        .describe(
          'What happens to the volumes when the cluster is deleted, and to those of pods that are scaled away.',
        ),
    })
    .prefault({})
    .describe('Where pods keep what they have: one RocksDB database for each volume.'),
  immutableField('storageClassName', 'Kubernetes cannot move a volume to another class'),
);
