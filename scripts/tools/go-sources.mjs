/**
 * A module of Go, and the programs that are built from it.
 * @typedef {{ module: string, version: string, programs: Record<string, string>, ldflags?: string }} GoSource
 */

const KUBERNETES = '1.35.4';
const [KUBERNETES_MAJOR, KUBERNETES_MINOR] = KUBERNETES.split('.');

/** @param {string} name */
const kubernetesCommand = (name) => [name, `k8s.io/kubernetes/cmd/${name}`];
/** Without them Kubernetes does not know which version it is, and clients refuse it. */
const KUBERNETES_VERSION_FLAGS = Object.entries({
  gitVersion: `v${KUBERNETES}`,
  gitMajor: KUBERNETES_MAJOR,
  gitMinor: KUBERNETES_MINOR,
}).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);

/** What can be built: the name of a program and its package, by module. @type {readonly GoSource[]} */
export const GO_SOURCES = [
  {
    module: 'github.com/nats-io/nats-server/v2',
    version: 'v2.15.2',
    programs: { 'nats-server': 'github.com/nats-io/nats-server/v2' },
  },
  {
    module: 'go.etcd.io/etcd/server/v3',
    version: 'v3.6.8',
    programs: { etcd: 'go.etcd.io/etcd/server/v3' },
  },
  {
    module: 'helm.sh/helm/v3',
    version: 'v3.22.0',
    programs: { helm: 'helm.sh/helm/v3/cmd/helm' },
  },
  {
    module: 'github.com/coredns/coredns',
    version: 'v1.14.7',
    programs: { coredns: 'github.com/coredns/coredns' },
  },
  {
    module: 'github.com/centrifugal/centrifugo/v6',
    version: 'v6.9.1',
    programs: { centrifugo: 'github.com/centrifugal/centrifugo/v6' },
  },
  {
    module: 'k8s.io/kubernetes',
    version: `v${KUBERNETES}`,
    programs: Object.fromEntries(
      ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet', 'kubectl'].map(
        kubernetesCommand,
      ),
    ),
    ldflags: KUBERNETES_VERSION_FLAGS.join(' '),
  },
];
