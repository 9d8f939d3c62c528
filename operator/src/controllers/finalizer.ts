import type { Cluster } from '../api/cluster.ts';
import { KINDS } from '../kube/kinds.ts';
import type { StoredObject } from '../kube/stored-object.ts';
import type { KubeClient } from '../runtime/kube-client.ts';

/** A cluster that has it goes only when its stream has been seen to. */
export const FINALIZER = 'etherply.io/stream';

/** @throws ApiError 409 where somebody has changed the cluster in between */
export async function addFinalizer(client: KubeClient, cluster: Cluster, object: StoredObject): Promise<void> {
  await setFinalizers(client, cluster, object, [...cluster.finalizers, FINALIZER]);
}

/** @throws ApiError 409 where somebody has changed the cluster in between */
export async function removeFinalizer(client: KubeClient, cluster: Cluster, object: StoredObject): Promise<void> {
  const others = cluster.finalizers.filter((one) => one !== FINALIZER);
  await setFinalizers(client, cluster, object, others);
}

async function setFinalizers(
  client: KubeClient,
  { name, namespace }: Cluster,
  { metadata: { resourceVersion } }: StoredObject,
  finalizers: readonly string[],
): Promise<void> {
  const patch = { metadata: { finalizers, resourceVersion } };
  await client.mergePatch(KINDS.EtherPlyCluster, { namespace, name }, patch);
}
