import type { V1ServiceSpec } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import { selectorOf } from '../labels.ts';
import { metadataOf } from '../metadata.ts';
import { CLIENT_PORT, namesOf } from '../names.ts';

/** The Service by which each sync pod has a DNS name, ready or not: the router checks them itself. */
export function headlessService(cluster: Cluster): KubeObject {
  const spec: V1ServiceSpec = {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: selectorOf(cluster, 'sync-pod'),
    ports: [port()],
  };
  const metadata = metadataOf(cluster, namesOf(cluster).pods, { component: 'sync-pod' });
  return { apiVersion: 'v1', kind: 'Service', metadata, spec };
}

/** The Service that clients connect to: of the router, or of the sync pods where there is none. */
export function clientService(cluster: Cluster): KubeObject {
  const { mode, service } = cluster.spec.ingress;
  const component = mode === 'router' ? 'router' : 'sync-pod';
  const spec: V1ServiceSpec = {
    type: service.type,
    selector: selectorOf(cluster, component),
    ports: [port()],
    // Else the router would see addresses of nodes, not of clients.
    ...(service.type === 'LoadBalancer' ? { externalTrafficPolicy: 'Local' } : {}),
  };
  const metadata = metadataOf(cluster, namesOf(cluster).cluster, { component, annotations: service.annotations });
  return { apiVersion: 'v1', kind: 'Service', metadata, spec };
}

function port() {
  // WebSockets begin as HTTP/1.1: whoever chooses a protocol by this takes the right one.
  return { name: 'http', port: CLIENT_PORT, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' };
}
