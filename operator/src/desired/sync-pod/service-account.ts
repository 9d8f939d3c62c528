import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import { metadataOf } from '../metadata.ts';
import { namesOf } from '../names.ts';

/** The account of all pods of the cluster, which may do nothing: they do not talk to Kubernetes. */
export function serviceAccount(cluster: Cluster): KubeObject {
  const metadata = metadataOf(cluster, namesOf(cluster).cluster);
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false };
}
