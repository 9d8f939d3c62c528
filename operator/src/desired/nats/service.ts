import type { V1ServiceSpec } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import { selectorOf } from '../labels.ts';
import { metadataOf } from '../metadata.ts';
import { NATS_CLIENT_PORT, NATS_CLUSTER_PORT, namesOf } from '../names.ts';

/** The Service by which each managed NATS server has a DNS name, ready or not: they become ready by finding each other. */
export function natsService(cluster: Cluster): KubeObject | undefined {
  if (cluster.spec.nats.managed === undefined) return undefined;
  const port = (name: string, port: number) => ({ name, port, targetPort: name, protocol: 'TCP', appProtocol: 'tcp' });
  const spec: V1ServiceSpec = {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: selectorOf(cluster, 'nats'),
    ports: [port('nats', NATS_CLIENT_PORT), port('cluster', NATS_CLUSTER_PORT)],
  };
  const metadata = metadataOf(cluster, namesOf(cluster).nats, { component: 'nats' });
  return { apiVersion: 'v1', kind: 'Service', metadata, spec };
}
