import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import type { StorageClassFacts } from './facts.ts';

const storageClass = z.object({ allowVolumeExpansion: z.boolean().default(false) });

/** What a storage class allows. */
export function storageClassFacts(object: KubeObject): StorageClassFacts {
  return {
    name: object.metadata.name,
    isDefault: object.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
    canGrow: storageClass.parse(object).allowVolumeExpansion,
  };
}
