import type { Cluster } from '../api/cluster.ts';

type Named = Pick<Cluster, 'name' | 'namespace'>;

/** Port of the sync pods and the router for clients. */
export const CLIENT_PORT = 8080;
/** Port of the router for its health and metrics. */
export const ROUTER_METRICS_PORT = 8404;
export const NATS_CLIENT_PORT = 4222;
export const NATS_CLUSTER_PORT = 6222;
export const NATS_MONITOR_PORT = 8222;

/** Names of all objects of a cluster. A name is unique among objects of its kind. */
export function namesOf({ name }: Pick<Cluster, 'name'>) {
  return {
    /** The StatefulSet, and all that belongs to the sync pods or to the cluster as a whole. */
    cluster: name,
    /** The headless Service by which each sync pod has a DNS name. */
    pods: `${name}-pods`,
    router: `${name}-router`,
    nats: `${name}-nats`,
    /** The Secret with the token of the control endpoints (key `token`). */
    controlSecret: `${name}-control`,
    /** The Secret with the user of managed NATS (keys `user` and `password`). */
    natsSecret: `${name}-nats`,
  };
}

/** The name of the volume claim of a shard, before that of the pod: `shard-0`. */
export function shardVolume(shard: number): string {
  return `shard-${shard}`;
}

/** Where the volume of a shard is in a sync pod. */
export function shardDirectory(shard: number): string {
  return `/data/${shardVolume(shard)}`;
}

/** The DNS name of a sync pod, whole: not everybody completes names. */
export function podHost({ name, namespace }: Named, ordinal: number, clusterDomain: string): string {
  return `${name}-${ordinal}.${namesOf({ name }).pods}.${namespace}.svc.${clusterDomain}`;
}

/** The DNS name of a managed NATS server, as pods complete it. */
export function natsHost({ name, namespace }: Named, ordinal: number): string {
  const { nats } = namesOf({ name });
  return `${nats}-${ordinal}.${nats}.${namespace}.svc`;
}
