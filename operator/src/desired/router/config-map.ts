import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { metadataOf } from '../metadata.ts';
import { namesOf } from '../names.ts';
import { haproxyConfig, routerPlaces } from './haproxy-config.ts';

/** What the router's HAProxy is told, as files by name. */
export function routerFiles(cluster: Cluster, { replicas, clusterDomain }: Circumstances): Record<string, string> {
  return { 'haproxy.cfg': haproxyConfig(cluster, replicas, routerPlaces(cluster, clusterDomain)) };
}

/** The configuration of the router. */
export function routerConfigMap(cluster: Cluster, circumstances: Circumstances): KubeObject | undefined {
  if (cluster.spec.ingress.mode !== 'router') return undefined;
  const metadata = metadataOf(cluster, namesOf(cluster).router, { component: 'router' });
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: routerFiles(cluster, circumstances) };
}
