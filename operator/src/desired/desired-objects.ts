import type { Cluster } from '../api/cluster.ts';
import type { KubeObject } from '../kube/object.ts';
import { backendTrafficPolicy, httpRoute } from './access/http-route.ts';
import { ingress } from './access/ingress.ts';
import { natsPolicy, routerPolicy, syncPodPolicy } from './access/network-policies.ts';
import type { Builder, Circumstances } from './desired.ts';
import { natsBudget, routerBudget, syncPodBudget } from './disruption-budgets.ts';
import { routerMonitor, syncPodMonitor } from './monitoring/pod-monitors.ts';
import { natsConfigMap } from './nats/config-map.ts';
import { natsService } from './nats/service.ts';
import { natsStatefulSet } from './nats/stateful-set.ts';
import { routerConfigMap } from './router/config-map.ts';
import { routerDeployment } from './router/deployment.ts';
import { horizontalPodAutoscaler } from './scaling/horizontal-pod-autoscaler.ts';
import { scaledObject } from './scaling/scaled-object.ts';
import { serviceAccount } from './sync-pod/service-account.ts';
import { clientService, headlessService } from './sync-pod/services.ts';
import { syncPodStatefulSet } from './sync-pod/stateful-set.ts';

/** In the order in which objects are made: what others need comes first. */
const BUILDERS: readonly Builder[] = [
  serviceAccount,
  syncPodPolicy,
  routerPolicy,
  natsPolicy,
  natsConfigMap,
  natsService,
  natsBudget,
  natsStatefulSet,
  headlessService,
  syncPodBudget,
  syncPodStatefulSet,
  routerConfigMap,
  routerBudget,
  routerDeployment,
  clientService,
  ingress,
  httpRoute,
  backendTrafficPolicy,
  horizontalPodAutoscaler,
  scaledObject,
  syncPodMonitor,
  routerMonitor,
];

/** All objects that there are to be for a cluster, but for Secrets: `generatedSecrets` in secrets.ts tells of those. */
export function desiredObjects(cluster: Cluster, circumstances: Circumstances): readonly KubeObject[] {
  return BUILDERS.flatMap((build) => build(cluster, circumstances) ?? []);
}
