import { goPrograms } from '../../../scripts/tools.mjs';
import { inState } from '../paths.ts';
import { NODE_ADDRESS, type Sandbox, SERVICE_SUBNET } from '../sandbox/sandbox.ts';
import { ADMIN_KUBECONFIG } from './files.ts';
import { API_PORT, NODE_NAME } from './network.ts';

const ETCD = 'http://127.0.0.1:2379';
const ETCD_PEERS = 'http://127.0.0.1:2380';

/** What a cluster consists of, in the order of its start, with the flags of each. */
const FLAGS = {
  etcd: [
    `--data-dir=${inState('etcd')}`,
    `--listen-client-urls=${ETCD}`,
    `--advertise-client-urls=${ETCD}`,
    `--listen-peer-urls=${ETCD_PEERS}`,
    `--initial-advertise-peer-urls=${ETCD_PEERS}`,
    `--initial-cluster=default=${ETCD_PEERS}`,
    '--unsafe-no-fsync',
  ],
  'kube-apiserver': [
    `--etcd-servers=${ETCD}`,
    `--bind-address=${NODE_ADDRESS}`,
    `--advertise-address=${NODE_ADDRESS}`,
    `--secure-port=${API_PORT}`,
    `--service-cluster-ip-range=${SERVICE_SUBNET}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--tls-cert-file=${inState('pki/api-server.crt')}`,
    `--tls-private-key-file=${inState('pki/api-server.key')}`,
    `--client-ca-file=${inState('pki/ca.crt')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${inState('pki/service-accounts.pub')}`,
    `--service-account-signing-key-file=${inState('pki/service-accounts.key')}`,
    `--kubelet-client-certificate=${inState('pki/kubelet-client.crt')}`,
    `--kubelet-client-key=${inState('pki/kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    // An aggregated API is reached at its pods: the API server is on the node.
    '--enable-aggregator-routing',
    `--requestheader-client-ca-file=${inState('pki/front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${inState('pki/front-proxy.crt')}`,
    `--proxy-client-key-file=${inState('pki/front-proxy.key')}`,
  ],
  'kube-controller-manager': [
    `--kubeconfig=${inState('kube-controller-manager.kubeconfig')}`,
    `--service-account-private-key-file=${inState('pki/service-accounts.key')}`,
    `--root-ca-file=${inState('pki/ca.crt')}`,
    '--use-service-account-credentials',
    '--leader-elect=false',
    '--secure-port=0',
    // So that a test of autoscaling takes a minute, not ten.
    '--horizontal-pod-autoscaler-sync-period=5s',
    '--horizontal-pod-autoscaler-initial-readiness-delay=5s',
  ],
  'kube-scheduler': [`--kubeconfig=${inState('kube-scheduler.kubeconfig')}`, '--leader-elect=false', '--secure-port=0'],
  containerd: [`--config=${inState('containerd.toml')}`],
  kubelet: [
    `--config=${inState('kubelet.json')}`,
    `--kubeconfig=${inState('kubelet.kubeconfig')}`,
    `--node-ip=${NODE_ADDRESS}`,
    `--hostname-override=${NODE_NAME}`,
    `--root-dir=${inState('kubelet')}`,
  ],
  'kube-proxy': [`--config=${inState('kube-proxy.json')}`],
  coredns: [`-conf=${inState('Corefile')}`],
} as const;

export type Daemon = keyof typeof FLAGS;

/** The daemons of the cluster in a sandbox. */
export class Daemons {
  readonly #sandbox: Sandbox;
  readonly #programs: Readonly<Record<Daemon, string>>;

  private constructor(sandbox: Sandbox, programs: Readonly<Record<Daemon, string>>) {
    this.#sandbox = sandbox;
    this.#programs = programs;
  }

  static async of(sandbox: Sandbox): Promise<Daemons> {
    const built = await goPrograms(
      'etcd',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'kubelet',
      'kube-proxy',
      'coredns',
    );
    return new Daemons(sandbox, { ...built, containerd: 'containerd' });
  }

  start(daemon: Daemon): Promise<void> {
    return this.#sandbox.startDaemon(daemon, this.#programs[daemon], FLAGS[daemon]);
  }

  stop(daemon: Daemon): Promise<void> {
    return this.#sandbox.stopDaemon(daemon);
  }

  assertRuns(daemon: Daemon): Promise<void> {
    return this.#sandbox.assertRuns(daemon);
  }
}

/** kubectl of the same version, as the administrator. @returns what, put before its arguments, has it run */
export async function kubectlOf(sandbox: Sandbox): Promise<readonly [string, ...string[]]> {
  const { kubectl } = await goPrograms('kubectl');
  return [...sandbox.networkPrefix, kubectl, `--kubeconfig=${ADMIN_KUBECONFIG}`];
}
