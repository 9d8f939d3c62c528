import type { Cluster } from '../api/cluster.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Builder, Circumstances } from './desired.ts';
import { serviceAccount } from './sync-pod/service-account.ts';
import { clientService, headlessService } from './sync-pod/services.ts';
import { syncPodStatefulSet } from './sync-pod/stateful-set.ts';

/** In the order in which they are made: what others need comes first. */
const BUILDERS: readonly Builder[] = [serviceAccount, headlessService, clientService, syncPodStatefulSet];

/** All objects that there are to be for a cluster, but for Secrets: {@link generatedSecrets} in secrets.ts tells of those. */
export function desiredObjects(cluster: Cluster, circumstances: Circumstances): readonly KubeObject[] {
  return BUILDERS.flatMap((build) => build(cluster, circumstances) ?? []);
}
