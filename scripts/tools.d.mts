/** The path of a nats-server that is new enough: found, or built once. */
export function natsServer(): Promise<string>;
/** The path of an HAProxy that is new enough; rejects with how to install it. */
export function haproxy(): Promise<string>;

/** What scripts/tools/go-sources.mjs can build. */
export type GoProgram =
  | 'centrifugo'
  | 'coredns'
  | 'etcd'
  | 'helm'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-proxy'
  | 'kube-scheduler'
  | 'kubectl'
  | 'kubelet'
  | 'nats-server';

/** The paths of programs: those that the environment names (KUBE_APISERVER for kube-apiserver), or built once. */
export function goPrograms<Name extends GoProgram>(...names: readonly Name[]): Promise<Record<Name, string>>;

/** The version that is pinned of one of them. */
export function goVersion(name: GoProgram): string;
