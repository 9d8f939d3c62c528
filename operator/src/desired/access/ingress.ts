import type { V1HTTPIngressPath, V1IngressSpec } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import { given } from '../given.ts';
import { metadataOf } from '../metadata.ts';
import { namesOf } from '../names.ts';
import { CLIENT_PATHS } from './client-paths.ts';

/**
 * How the controller of https://haproxy-ingress.github.io chooses a pod: as the router does. Its `balance-algorithm` goes into
 * HAProxy's configuration as it is, which those of other controllers do not.
 */
const HAPROXY_INGRESS = {
  'haproxy-ingress.github.io/balance-algorithm': 'hash path,field(4,/),url_dec',
  'haproxy-ingress.github.io/config-backend': 'hash-type consistent sdbm avalanche',
  'haproxy-ingress.github.io/health-check-uri': '/readyz',
  'haproxy-ingress.github.io/health-check-interval': '2s',
  'haproxy-ingress.github.io/timeout-tunnel': '1h',
} as const;

/** The Ingress for the host: to the router, or with what lets a controller do the same. */
export function ingress(cluster: Cluster): KubeObject | undefined {
  const { mode, host, gateway, className, tlsSecretName, annotations } = cluster.spec.ingress;
  const isWanted = mode === 'haproxy-ingress' || (mode === 'router' && gateway === undefined);
  if (host === undefined || !isWanted) return undefined;
  const spec: V1IngressSpec = {
    ...given({ ingressClassName: className }),
    ...(tlsSecretName === undefined ? {} : { tls: [{ hosts: [host], secretName: tlsSecretName }] }),
    rules: [{ host, http: { paths: paths(cluster) } }],
  };
  const own = mode === 'haproxy-ingress' ? HAPROXY_INGRESS : {};
  const all = { ...own, ...annotations };
  const metadata = metadataOf(cluster, namesOf(cluster).cluster, {
    annotations: Object.keys(all).length > 0 ? all : undefined,
  });
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata, spec };
}

/** What pods have besides, as metrics, is not for clients. */
function paths(cluster: Cluster): V1HTTPIngressPath[] {
  const service = { name: namesOf(cluster).cluster, port: { name: 'http' } };
  return CLIENT_PATHS.map(({ path, isPrefix }) => ({
    path,
    pathType: isPrefix ? 'Prefix' : 'Exact',
    backend: { service },
  }));
}
