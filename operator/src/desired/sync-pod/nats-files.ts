import type { V1VolumeProjection } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';

/** Where files with what NATS is reached with are in a sync pod. */
export const NATS_DIRECTORY = '/etc/etherply/nats';

export const NATS_FILES = {
  nkey: `${NATS_DIRECTORY}/nkey`,
  creds: `${NATS_DIRECTORY}/creds`,
  ca: `${NATS_DIRECTORY}/ca.crt`,
  certificate: `${NATS_DIRECTORY}/tls.crt`,
  key: `${NATS_DIRECTORY}/tls.key`,
} as const;

/** From which Secrets these files come; empty: there are none. */
export function natsFileSources({ spec }: Cluster): V1VolumeProjection[] {
  const { credentials, tls } = spec.nats.external ?? {};
  return [
    ...file(credentials?.nkeyRef, 'nkey'),
    ...file(credentials?.credsRef, 'creds'),
    ...file(tls?.caRef, 'ca.crt'),
    ...file(tls?.certificateRef && { ...tls.certificateRef, key: 'tls.crt' }, 'tls.crt'),
    ...file(tls?.certificateRef && { ...tls.certificateRef, key: 'tls.key' }, 'tls.key'),
  ];
}

function file(ref: { name: string; key: string } | undefined, path: string): V1VolumeProjection[] {
  return ref === undefined ? [] : [{ secret: { name: ref.name, items: [{ key: ref.key, path }] } }];
}
