import type { KeyPair } from './certificates.ts';

type Credentials = { readonly token: string } | { readonly certificate: KeyPair };

interface Kubeconfig {
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
  readonly credentials: Credentials;
  readonly namespace?: string;
}

/** The text of a kubeconfig: JSON, which is YAML, too. */
export function kubeconfigText({ server, certificateAuthority, credentials, namespace }: Kubeconfig): string {
  const user =
    'token' in credentials
      ? { token: credentials.token }
      : {
          'client-certificate-data': base64(credentials.certificate.cert),
          'client-key-data': base64(credentials.certificate.key),
        };
  const context = {
    cluster: 'test',
    user: 'test',
    ...(namespace !== undefined && { namespace }),
  };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context }],
    clusters: [
      {
        name: 'test',
        cluster: {
          server,
          'certificate-authority-data': base64(certificateAuthority),
        },
      },
    ],
    users: [{ name: 'test', user }],
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
