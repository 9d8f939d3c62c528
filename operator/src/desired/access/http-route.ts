import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { given } from '../given.ts';
import { metadataOf } from '../metadata.ts';
import { CLIENT_PORT, namesOf } from '../names.ts';
import { CLIENT_PATHS } from './client-paths.ts';

/** What tells Envoy the workspace: it can choose a pod by a header, not by a part of the path. */
export const WORKSPACE_HEADER = 'X-EtherPly-Workspace';

/** The route from a Gateway to the router, or to the pods: https://gateway-api.sigs.k8s.io/reference/spec/#httproute */
export function httpRoute(cluster: Cluster, { apis }: Circumstances): KubeObject | undefined {
  const { mode, gateway, host, annotations } = cluster.spec.ingress;
  const isWanted = mode === 'gatewayAPI' || mode === 'router';
  if (!isWanted || gateway === undefined || !apis.httpRoute) return undefined;
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: metadataOf(cluster, namesOf(cluster).cluster, { annotations }),
    spec: {
      parentRefs: [
        { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: gateway.name, ...given(withoutName(gateway)) },
      ],
      ...(host === undefined ? {} : { hostnames: [host] }),
      rules: [
        {
          matches: CLIENT_PATHS.map(({ path, isPrefix }) => ({
            path: { type: isPrefix ? 'PathPrefix' : 'Exact', value: path },
          })),
          backendRefs: [{ group: '', kind: 'Service', name: namesOf(cluster).cluster, port: CLIENT_PORT, weight: 1 }],
        },
      ],
    },
  };
}

/** How Envoy Gateway chooses a pod: https://gateway.envoyproxy.io/docs/api/extension_types/#backendtrafficpolicy */
export function backendTrafficPolicy(cluster: Cluster, { apis }: Circumstances): KubeObject | undefined {
  if (cluster.spec.ingress.mode !== 'gatewayAPI' || !apis.httpRoute || !apis.backendTrafficPolicy) return undefined;
  const name = namesOf(cluster).cluster;
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'BackendTrafficPolicy',
    metadata: metadataOf(cluster, name),
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name }],
      loadBalancer: {
        type: 'ConsistentHash',
        consistentHash: { type: 'Header', header: { name: WORKSPACE_HEADER } },
      },
    },
  };
}

function withoutName<T extends { name: string }>({ name: _, ...rest }: T): Omit<T, 'name'> {
  return rest;
}
