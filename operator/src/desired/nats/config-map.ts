import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import { metadataOf } from '../metadata.ts';
import { NATS_CLIENT_PORT, NATS_CLUSTER_PORT, NATS_MONITOR_PORT, namesOf } from '../names.ts';
import { NATS_USER } from '../secrets.ts';
import { natsConfig } from './nats-config.ts';

export const STORE_DIRECTORY = '/data';
export const RUN_DIRECTORY = '/run/nats';
export const PID_FILE = `${RUN_DIRECTORY}/nats.pid`;

/** What managed NATS servers are told, as files by name. Undefined: somebody else runs them. */
export function natsFiles(cluster: Cluster): Record<string, string> | undefined {
  const { managed } = cluster.spec.nats;
  if (managed === undefined) return undefined;
  const { replicas, size, syncAlways } = managed;
  const text = natsConfig({
    name: namesOf(cluster).nats,
    user: NATS_USER,
    listen: {
      clients: `0.0.0.0:${NATS_CLIENT_PORT}`,
      monitoring: `0.0.0.0:${NATS_MONITOR_PORT}`,
      routes: `0.0.0.0:${NATS_CLUSTER_PORT}`,
    },
    storeDirectory: STORE_DIRECTORY,
    pidFile: PID_FILE,
    size,
    count: replicas,
    syncAlways,
  });
  return { 'nats.conf': text };
}

/** The configuration of managed NATS servers. */
export function natsConfigMap(cluster: Cluster): KubeObject | undefined {
  const data = natsFiles(cluster);
  if (data === undefined) return undefined;
  const metadata = metadataOf(cluster, namesOf(cluster).nats, { component: 'nats' });
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
}
