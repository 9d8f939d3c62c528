import type { Cluster } from '../api/cluster.ts';
import { GROUP, KIND, VERSION } from '../api/crd.ts';
import type { ObjectMeta, OwnerReference } from '../kube/object.ts';
import { type Component, labelsOf } from './labels.ts';

interface Additions {
  readonly component?: Component;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Metadata of an object of the cluster, which goes when the cluster goes. */
export function metadataOf(cluster: Cluster, name: string, additions: Additions = {}): ObjectMeta {
  const { component, annotations, labels } = additions;
  return {
    name,
    namespace: cluster.namespace,
    labels: { ...labels, ...labelsOf(cluster, component) },
    ...(annotations === undefined ? {} : { annotations }),
    ownerReferences: [ownerOf(cluster)],
  };
}

function ownerOf({ name, uid }: Cluster): OwnerReference {
  return { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, name, uid, controller: true, blockOwnerDeletion: true };
}
