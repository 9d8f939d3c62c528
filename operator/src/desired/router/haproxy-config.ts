import type { Cluster } from '../../api/cluster.ts';
import { CLIENT_PORT, podHost, ROUTER_METRICS_PORT } from '../names.ts';
import { haproxyBackend, haproxyDefaults, section } from './haproxy-backend.ts';

/** Seconds after which a router that is to end cuts what is still connected. */
export const HARD_STOP_SECONDS = 45;

/**
 * There are servers for more pods than there are: names that nobody has are no harm, and the router, whose restart cuts
 * connections, goes on when pods come.
 */
const SERVERS_AT_ONCE = 16;

/** Where the router listens, and how it finds pods. */
export interface RouterPlaces {
  /** Addresses that HAProxy binds to. */
  readonly clients: string;
  readonly health: string;
  /** Host and port of the pod with an ordinal. */
  readonly podAddress: (ordinal: number) => string;
}

/** The places in a Kubernetes cluster. */
export function routerPlaces(cluster: Cluster, clusterDomain: string): RouterPlaces {
  return {
    clients: `:${CLIENT_PORT}`,
    health: `:${ROUTER_METRICS_PORT}`,
    podAddress: (ordinal) => `${podHost(cluster, ordinal, clusterDomain)}:${CLIENT_PORT}`,
  };
}

/** How many servers the configuration has: at least as many as there can be pods without a change of the spec. */
export function serverCount({ spec }: Cluster, replicas: number): number {
  const most = Math.max(replicas, spec.replicas, spec.autoscaling?.maxReplicas ?? 0);
  return Math.ceil(most / SERVERS_AT_ONCE) * SERVERS_AT_ONCE;
}

/** The configuration of the router's HAProxy, of version 2.6 or later. */
export function haproxyConfig(cluster: Cluster, replicas: number, places: RouterPlaces): string {
  const pods = Array.from({ length: serverCount(cluster, replicas) }, (_, ordinal) => ({
    name: `${cluster.name}-${ordinal}`,
    address: places.podAddress(ordinal),
  }));
  return [
    section('global', [
      'log stdout format raw local0 notice',
      // So many connections at once, if the machine allows it; else as many as it does.
      'fd-hard-limit 200000',
      `hard-stop-after ${HARD_STOP_SECONDS}s`,
    ]),
    haproxyDefaults(),
    resolvers(),
    clients(cluster, places.clients),
    health(places.health),
    haproxyBackend(pods, {
      host: 'sync-pod',
      server: 'resolvers kubernetes resolve-prefer ipv4 init-addr none',
      // Which pods are up is logged; requests are not: tokens can be in their URLs.
      lines: ['log global', ...keepAlive('srv')],
    }),
  ].join('\n');
}

/** Pods come and go, and have other addresses when they are back. */
function resolvers(): string {
  return section('resolvers kubernetes', [
    'parse-resolv-conf',
    'accepted_payload_size 8192',
    'resolve_retries 3',
    'timeout resolve 2s',
    'timeout retry 1s',
    'hold valid 2s',
    'hold obsolete 2s',
  ]);
}

function clients(cluster: Cluster, bind: string): string {
  const notFound = `'{"error":{"code":"not_found","message":"there is nothing at this path"}}'`;
  return section('frontend clients', [
    `bind ${bind}`,
    'timeout http-request 10s',
    'timeout http-keep-alive 1m',
    ...keepAlive('cli'),
    // What else pods have, as metrics and control, is not for clients.
    'acl for-clients path_beg /v1/',
    'acl for-clients path /healthz /openapi.json',
    // Whoever reads a path otherwise than HAProxy shall find nothing else with it.
    'acl dotted path_sub -i /./ /../ /%2e',
    `http-request return status 404 content-type application/json string ${notFound} if !for-clients or dotted`,
    ...forwardedFor(cluster),
    'default_backend pods',
  ]);
}

/** Pods take the last address in X-Forwarded-For for that of the client. */
function forwardedFor({ spec }: Cluster): string[] {
  const { router, host, gateway } = spec.ingress;
  const isBehindProxy = host !== undefined || gateway !== undefined;
  const way = router.forwardedFor ?? (isBehindProxy ? 'keep' : 'replace');
  const unless = way === 'keep' ? ' unless { req.hdr(X-Forwarded-For) -m found }' : '';
  return [`http-request set-header X-Forwarded-For %[src]${unless}`];
}

function health(bind: string): string {
  return section('frontend health', [
    `bind ${bind}`,
    'monitor-uri /healthz',
    'http-request return status 200 content-type text/plain string ready if { path /readyz } { nbsrv(pods) gt 0 }',
    'http-request return status 503 content-type text/plain string "no pod is ready" if { path /readyz }',
    'http-request use-service prometheus-exporter if { path /metrics }',
    'http-request return status 404',
  ]);
}

/** A machine that is gone says no goodbye: without an answer for a minute a connection ends. */
function keepAlive(side: 'cli' | 'srv'): string[] {
  return [`option ${side}tcpka`, `${side}tcpka-idle 30s`, `${side}tcpka-intvl 10s`, `${side}tcpka-cnt 3`];
}
