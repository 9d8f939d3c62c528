import { z } from 'zod';

const labels = z.record(z.string(), z.string());

const ownerReference = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  controller: z.boolean().exactOptional(),
  blockOwnerDeletion: z.boolean().exactOptional(),
});

/** An object as the API server has it: it has a uid and a resourceVersion. Fields that nobody here knows are kept. */
export const storedObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().exactOptional(),
    labels: labels.exactOptional(),
    annotations: labels.exactOptional(),
    ownerReferences: z.array(ownerReference).exactOptional(),
    finalizers: z.array(z.string()).exactOptional(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: z.int().exactOptional(),
    creationTimestamp: z.string().exactOptional(),
    deletionTimestamp: z.string().exactOptional(),
  }),
});

export type StoredObject = z.infer<typeof storedObject>;
