import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NODE_ADDRESS } from '../sandbox/sandbox.ts';
import { VOLUMES } from './files.ts';
import { DNS_ADDRESS, DNS_PORT, NODE_NAME } from './network.ts';

/** A volume is used once; a run takes some dozens. */
const VOLUME_COUNT = 120;
const STORAGE_CLASS = 'node';

/** What a cluster has beside its daemons: DNS, and volumes with a default storage class. */
export async function clusterObjects(): Promise<object> {
  return { apiVersion: 'v1', kind: 'List', items: [...dns(), storageClass(), ...(await volumes())] };
}

/** CoreDNS runs as a daemon on the node. */
function dns(): object[] {
  const ports = [
    { name: 'dns', protocol: 'UDP' },
    { name: 'dns-tcp', protocol: 'TCP' },
  ];
  const metadata = { name: 'kube-dns', namespace: 'kube-system' };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { clusterIP: DNS_ADDRESS, ports: ports.map((port) => ({ ...port, port: 53, targetPort: DNS_PORT })) },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
      addressType: 'IPv4',
      ports: ports.map((port) => ({ ...port, port: DNS_PORT })),
      endpoints: [{ addresses: [NODE_ADDRESS] }],
    },
  ];
}

function storageClass(): object {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: STORAGE_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
}

/** Folders of the node, whose owner the kubelet sets as a pod says. */
async function volumes(): Promise<object[]> {
  const names = Array.from({ length: VOLUME_COUNT }, (_, n) => `volume-${n}`);
  for (const name of names) {
    await mkdir(join(VOLUMES, name), { recursive: true });
    await chmod(join(VOLUMES, name), 0o755);
  }
  const onNode = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE_NAME] }];
  return names.map((name) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '1Ti' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: STORAGE_CLASS,
      local: { path: join(VOLUMES, name) },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: onNode }] } },
    },
  }));
}
