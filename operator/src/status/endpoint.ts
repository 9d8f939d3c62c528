import type { Cluster } from '../api/cluster.ts';

/** Where clients connect to: by the host of the spec, or else by the Service, which only pods of this Kubernetes cluster reach. */
export function endpointOf({ name, namespace, spec }: Cluster): string {
  const { host, tlsSecretName } = spec.ingress;
  if (host === undefined) return `ws://${name}.${namespace}.svc:8080`;
  return `${tlsSecretName === undefined ? 'ws' : 'wss'}://${host}`;
}
