import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CertificateAuthority, type KeyPair, signingKeys } from '../../../operator/test/control-plane/certificates.ts';
import { kubeconfigText } from '../../../operator/test/control-plane/kubeconfig.ts';
import { inState, STATE } from '../paths.ts';
import { CGROUP } from '../sandbox/cgroups.ts';
import { NODE_ADDRESS } from '../sandbox/sandbox.ts';
import {
  API_PORT,
  CLUSTER_DOMAIN,
  DNS_ADDRESS,
  DNS_PORT,
  KUBERNETES_ADDRESS,
  NODE_NAME,
  POD_SUBNET,
} from './network.ts';

/** Of the administrator: who has it may do everything. */
export const ADMIN_KUBECONFIG = inState('admin.kubeconfig');
export const PAUSE_IMAGE = 'localhost/pause:1';

/** Who speaks to the API server, by the name of the kubeconfig: as Kubernetes' own roles and the node authorizer want it. */
const USERS: Readonly<Record<string, { readonly name: string; readonly group?: string }>> = {
  admin: { name: 'admin', group: 'system:masters' },
  'kube-controller-manager': { name: 'system:kube-controller-manager' },
  'kube-scheduler': { name: 'system:kube-scheduler' },
  'kube-proxy': { name: 'system:kube-proxy' },
  kubelet: { name: `system:node:${NODE_NAME}`, group: 'system:nodes' },
};

/** Writes certificates, keys, kubeconfigs and configurations, once: who started with them goes on with them. */
export async function writeFiles(): Promise<void> {
  if (existsSync(inState('files.written'))) return;
  const files = { ...(await credentials()), ...configurations(), 'files.written': '' };
  for (const [name, content] of Object.entries(files)) {
    const path = inState(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o600 });
  }
}

async function credentials(): Promise<Record<string, string>> {
  const ca = await CertificateAuthority.create('ca');
  const frontProxyCa = await CertificateAuthority.create('front-proxy-ca');
  const serviceAccounts = signingKeys();
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const files: Record<string, string> = {
    'pki/ca.crt': ca.cert,
    'pki/front-proxy-ca.crt': frontProxyCa.cert,
    'pki/service-accounts.key': serviceAccounts.privateKey,
    'pki/service-accounts.pub': serviceAccounts.publicKey,
    ...pair('pki/api-server', await ca.server('kube-apiserver', ...names, NODE_ADDRESS, KUBERNETES_ADDRESS)),
    ...pair('pki/kubelet-client', await ca.client({ name: 'kube-apiserver', group: 'system:masters' })),
    ...pair('pki/front-proxy', await frontProxyCa.client({ name: 'front-proxy-client' })),
  };
  const server = `https://${NODE_ADDRESS}:${API_PORT}`;
  for (const [file, user] of Object.entries(USERS)) {
    const certificate = await ca.client(user);
    files[`${file}.kubeconfig`] = kubeconfigText({
      server,
      certificateAuthority: ca.cert,
      credentials: { certificate },
    });
  }
  return files;
}

function pair(name: string, { cert, key }: KeyPair): Record<string, string> {
  return { [`${name}.crt`]: cert, [`${name}.key`]: key };
}

function configurations(): Record<string, string> {
  return {
    'containerd.toml': containerdConfiguration(),
    'cni/10-pods.conflist': JSON.stringify(podNetwork()),
    'kubelet.json': JSON.stringify(kubeletConfiguration()),
    'kube-proxy.json': JSON.stringify(kubeProxyConfiguration()),
    Corefile: corefile(),
    'resolv.conf': '',
  };
}

function containerdConfiguration(): string {
  return `version = 2
# It makes a folder outside of the others.
disabled_plugins = ["io.containerd.internal.v1.opt"]
root = "${inState('containerd')}"
state = "/run/containerd"
[grpc]
  address = "${inState('containerd.sock')}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Who may not lower the score of a process for the killer of those that take too much memory can do without.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${inState('cni')}"
`;
}

/**
 * Each pod has a link of its own to the node, and all that pods say to each other is routed: what kube-proxy translates
 * comes back the same way, which it would not over a bridge where the kernel has no br_netfilter.
 */
function podNetwork() {
  const ranges = [[{ subnet: POD_SUBNET }]];
  const ipam = { type: 'host-local', dataDir: '/run/cni', ranges, routes: [{ dst: '0.0.0.0/0' }] };
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      { type: 'ptp', ipMasq: false, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function kubeletConfiguration() {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: NODE_ADDRESS,
    healthzBindAddress: NODE_ADDRESS,
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: CGROUP,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: CLUSTER_DOMAIN,
    resolvConf: inState('resolv.conf'),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: inState('pki/ca.crt') },
    },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: `unix://${inState('containerd.sock')}`,
    volumePluginDir: inState('volume-plugins'),
    podLogsDir: inState('pods'),
    // The machine's disk may be full of what others do; nothing here is evicted for that.
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
      'nodefs.inodesFree': '1%',
    },
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: true,
  };
}

function kubeProxyConfiguration() {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    bindAddress: NODE_ADDRESS,
    healthzBindAddress: `${NODE_ADDRESS}:10256`,
    metricsBindAddress: `${NODE_ADDRESS}:10249`,
    clientConnection: { kubeconfig: inState('kube-proxy.kubeconfig') },
    hostnameOverride: NODE_NAME,
    clusterCIDR: POD_SUBNET,
    mode: 'iptables',
    // These are the whole machine's, and stay as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

function corefile(): string {
  return `.:${DNS_PORT} {
  bind ${NODE_ADDRESS}
  errors
  kubernetes ${CLUSTER_DOMAIN} {
    kubeconfig ${ADMIN_KUBECONFIG}
    ttl 5
  }
  cache 5
}
`;
}

/** Of the state: the folder of the volumes. */
export const VOLUMES = `${STATE}/volumes`;
