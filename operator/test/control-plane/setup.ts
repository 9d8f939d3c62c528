import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loopbackPorts } from '../../../scripts/loopback-ports.mjs';
import { CertificateAuthority, type KeyPair, signingKeys } from './certificates.ts';
import { kubeconfigText } from './kubeconfig.ts';

/** Where the servers of a control plane listen, and the files that they read. */
export interface Setup {
  readonly dir: string;
  readonly ports: {
    readonly etcd: number;
    readonly peers: number;
    readonly api: number;
  };
  /** PEM, of the authority that signed the certificates of servers and clients. */
  readonly certificateAuthority: string;
  /** URL. */
  readonly server: string;
  /** The path of a file. */
  readonly adminKubeconfig: string;
}

/** Chooses free ports and writes certificates, keys and the administrator's kubeconfig into a folder. */
export async function setUp(dir: string): Promise<Setup> {
  const [etcd = 0, peers = 0, api = 0] = await loopbackPorts([0, 0, 0]);
  const ca = await CertificateAuthority.create('ca');
  const frontProxyCa = await CertificateAuthority.create('front-proxy-ca');
  const admin = await ca.client({ name: 'admin', group: 'system:masters' });
  const server = `https://127.0.0.1:${api}`;
  const adminKubeconfig = join(dir, 'admin.kubeconfig');
  const serviceAccounts = signingKeys();
  const files: Record<string, string> = {
    'ca.crt': ca.cert,
    'front-proxy-ca.crt': frontProxyCa.cert,
    'service-accounts.key': serviceAccounts.privateKey,
    'service-accounts.pub': serviceAccounts.publicKey,
    ...pair('api-server', await ca.server('kube-apiserver', 'kubernetes.default.svc')),
    ...pair('front-proxy', await frontProxyCa.client({ name: 'front-proxy-client' })),
    'admin.kubeconfig': kubeconfigText({
      server,
      certificateAuthority: ca.cert,
      credentials: { certificate: admin },
    }),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content, { mode: 0o600 });
  return {
    dir,
    ports: { etcd, peers, api },
    certificateAuthority: ca.cert,
    server,
    adminKubeconfig,
  };
}

function pair(name: string, { cert, key }: KeyPair): Record<string, string> {
  return { [`${name}.crt`]: cert, [`${name}.key`]: key };
}
