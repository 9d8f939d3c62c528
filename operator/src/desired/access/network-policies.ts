import type { V1NetworkPolicyPeer, V1NetworkPolicyPort } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { type Component, selectorOf } from '../labels.ts';
import { metadataOf } from '../metadata.ts';
import { CLIENT_PORT, NATS_CLIENT_PORT, NATS_CLUSTER_PORT, namesOf, ROUTER_METRICS_PORT } from '../names.ts';

type Peer = V1NetworkPolicyPeer | Readonly<Record<string, unknown>>;

/** As in a NetworkPolicy, where peers that are left out are everybody. */
interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly V1NetworkPolicyPort[];
}

const PROMETHEUS: Peer = {
  namespaceSelector: {},
  podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
};

const DNS: Rule = {
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

/** Who may reach sync pods, and whom they may. */
export function syncPodPolicy(cluster: Cluster, { operatorNamespace }: Circumstances): KubeObject | undefined {
  const { ingress, networkPolicy, nats } = cluster.spec;
  const known = [namespace(operatorNamespace), PROMETHEUS, ...(networkPolicy.allowFrom ?? [])];
  const isOpen = ingress.mode !== 'router' && networkPolicy.allowFrom === undefined;
  const from = ingress.mode === 'router' ? [podsOf(cluster, 'router'), ...known] : known;
  const egress = [
    DNS,
    ...(nats.managed === undefined ? [] : [{ to: [podsOf(cluster, 'nats')], ports: [tcp(NATS_CLIENT_PORT)] }]),
    ...calledUrls(cluster).flatMap(egressTo),
  ];
  return policy(cluster, 'sync-pod', [{ ...(isOpen ? {} : { from }), ports: [tcp(CLIENT_PORT)] }], egress);
}

/** Clients may reach the router, and it may reach sync pods. */
export function routerPolicy(cluster: Cluster): KubeObject | undefined {
  if (cluster.spec.ingress.mode !== 'router') return undefined;
  const ingress = [
    { ports: [tcp(CLIENT_PORT)] },
    { from: [PROMETHEUS, ...(cluster.spec.networkPolicy.allowFrom ?? [])], ports: [tcp(ROUTER_METRICS_PORT)] },
  ];
  return policy(cluster, 'router', ingress, [DNS, { to: [podsOf(cluster, 'sync-pod')], ports: [tcp(CLIENT_PORT)] }]);
}

/** Only those who replicate, and the operator, may reach managed NATS: all workspaces are in it. */
export function natsPolicy(cluster: Cluster, { operatorNamespace }: Circumstances): KubeObject | undefined {
  if (cluster.spec.nats.managed === undefined) return undefined;
  const servers = podsOf(cluster, 'nats');
  const amongThem = [tcp(NATS_CLIENT_PORT), tcp(NATS_CLUSTER_PORT)];
  const ingress = [
    { from: [podsOf(cluster, 'sync-pod'), namespace(operatorNamespace)], ports: [tcp(NATS_CLIENT_PORT)] },
    { from: [servers], ports: amongThem },
  ];
  return policy(cluster, 'nats', ingress, [DNS, { to: [servers], ports: amongThem }]);
}

function policy(
  cluster: Cluster,
  component: Component,
  ingress: readonly Rule[],
  egress: readonly Rule[],
): KubeObject | undefined {
  if (!cluster.spec.networkPolicy.enabled) return undefined;
  const names = namesOf(cluster);
  const name = { 'sync-pod': names.cluster, router: names.router, nats: names.nats }[component];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(cluster, name, { component }),
    spec: {
      podSelector: { matchLabels: selectorOf(cluster, component) },
      policyTypes: ['Ingress', 'Egress'],
      ingress,
      egress,
    },
  };
}

/** What sync pods connect to, besides managed NATS. */
function calledUrls({ spec }: Cluster): string[] {
  const urls = [...(spec.nats.external?.servers ?? []), spec.auth.jwks?.url, spec.webhook?.url];
  return urls.filter((url) => url !== undefined);
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'ws:': 80,
  'wss:': 443,
  'nats:': NATS_CLIENT_PORT,
  'tls:': NATS_CLIENT_PORT,
};

/** What is outside has the port of the URL; a Service inside stands for pods with any port. */
function egressTo(url: string): Rule[] {
  const { protocol, hostname, port } = new URL(url);
  const outside = { ports: [tcp(port === '' ? (DEFAULT_PORTS[protocol] ?? 443) : Number(port))] };
  // As `hooks`, `hooks.team`, `hooks.team.svc` or `hooks.team.svc.cluster.local`.
  const mayBeInside = hostname.split('.').length <= 2 || /\.svc(\.|$)/.test(hostname);
  return mayBeInside ? [{ to: [{ namespaceSelector: {} }] }, outside] : [outside];
}

function podsOf(cluster: Cluster, component: Component): Peer {
  return { podSelector: { matchLabels: selectorOf(cluster, component) } };
}

function namespace(name: string): Peer {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
}

function tcp(port: number): V1NetworkPolicyPort {
  return { protocol: 'TCP', port };
}
