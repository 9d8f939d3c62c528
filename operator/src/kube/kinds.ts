import type { KubeObject } from './object.ts';

/** A kind of object, and what is needed to ask for it. */
export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  /** As it stands in paths. */
  readonly plural: string;
  readonly namespaced: boolean;
}

function namespaced(apiVersion: string, kind: string, plural: string): Kind {
  return { apiVersion, kind, plural, namespaced: true };
}

function clusterWide(apiVersion: string, kind: string, plural: string): Kind {
  return { apiVersion, kind, plural, namespaced: false };
}

/** Every kind that the operator or its tests ask for. */
export const KINDS = {
  ConfigMap: namespaced('v1', 'ConfigMap', 'configmaps'),
  Namespace: clusterWide('v1', 'Namespace', 'namespaces'),
  Node: clusterWide('v1', 'Node', 'nodes'),
  PersistentVolume: clusterWide('v1', 'PersistentVolume', 'persistentvolumes'),
  PersistentVolumeClaim: namespaced('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  Pod: namespaced('v1', 'Pod', 'pods'),
  Secret: namespaced('v1', 'Secret', 'secrets'),
  Service: namespaced('v1', 'Service', 'services'),
  ServiceAccount: namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  ControllerRevision: namespaced('apps/v1', 'ControllerRevision', 'controllerrevisions'),
  Deployment: namespaced('apps/v1', 'Deployment', 'deployments'),
  ReplicaSet: namespaced('apps/v1', 'ReplicaSet', 'replicasets'),
  StatefulSet: namespaced('apps/v1', 'StatefulSet', 'statefulsets'),
  HorizontalPodAutoscaler: namespaced('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  Lease: namespaced('coordination.k8s.io/v1', 'Lease', 'leases'),
  EndpointSlice: namespaced('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
  Event: namespaced('events.k8s.io/v1', 'Event', 'events'),
  Ingress: namespaced('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  NetworkPolicy: namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  PodDisruptionBudget: namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  ClusterRole: clusterWide('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles'),
  ClusterRoleBinding: clusterWide('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings'),
  Role: namespaced('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  RoleBinding: namespaced('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  StorageClass: clusterWide('storage.k8s.io/v1', 'StorageClass', 'storageclasses'),
  APIService: clusterWide('apiregistration.k8s.io/v1', 'APIService', 'apiservices'),
  CustomResourceDefinition: clusterWide(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
  ),
  EtherPlyCluster: namespaced('etherply.io/v1alpha1', 'EtherPlyCluster', 'etherplyclusters'),
  HTTPRoute: namespaced('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes'),
  BackendTrafficPolicy: namespaced('gateway.envoyproxy.io/v1alpha1', 'BackendTrafficPolicy', 'backendtrafficpolicies'),
  PodMonitor: namespaced('monitoring.coreos.com/v1', 'PodMonitor', 'podmonitors'),
  ScaledObject: namespaced('keda.sh/v1alpha1', 'ScaledObject', 'scaledobjects'),
} as const satisfies Record<string, Kind>;

const BY_TYPE: ReadonlyMap<string, Kind> = new Map(
  Object.values(KINDS).map((kind) => [`${kind.apiVersion} ${kind.kind}`, kind]),
);

/** @throws where it is of a kind that is not in `KINDS` */
export function kindOf({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): Kind {
  const found = BY_TYPE.get(`${apiVersion} ${kind}`);
  if (found === undefined) throw new Error(`kinds.ts does not have ${kind} of ${apiVersion}`);
  return found;
}
