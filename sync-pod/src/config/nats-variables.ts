import { clusterName, natsUrlList, regionList } from './nats-values.ts';
import { boolean, choice, text } from './values.ts';
import { counted, defaulted, optional, unlimitable } from './variable.ts';

/** What a pod needs to know to be one of several: how to reach NATS, and what the stream is like. */
export const natsVariables = {
  natsUrls: optional(
    'ETHERPLY_NATS_URL',
    natsUrlList,
    'URLs (nats or tls) of the NATS servers that replicate, separated by commas. ' +
      'With a tls URL among them, no server without TLS is used. ' +
      'Certificates are checked against the host name in the URL: with TLS, give no IP address. Unset: the pod stands alone.',
    // What is wrong with it may be that there is a password in it.
    true,
  ),
  cluster: defaulted(
    'ETHERPLY_CLUSTER',
    clusterName,
    'etherply',
    "Name of the cluster: the stream's, and the first token of all its subjects. 1 to 64 letters, digits, - and _. " +
      'All pods that share workspaces have the same.',
  ),
  natsUser: optional('ETHERPLY_NATS_USER', text, 'User name for NATS. Needs `ETHERPLY_NATS_PASSWORD`.'),
  natsPassword: optional('ETHERPLY_NATS_PASSWORD', text, 'Password for NATS. Needs `ETHERPLY_NATS_USER`.', true),
  natsToken: optional(
    'ETHERPLY_NATS_TOKEN',
    text,
    'Token for NATS. Of user and password, token, NKey and credentials only one can be set.',
    true,
  ),
  natsNkeyFile: optional('ETHERPLY_NATS_NKEY_FILE', text, 'File with the seed of the NKey for NATS.'),
  natsCredsFile: optional('ETHERPLY_NATS_CREDS_FILE', text, 'File with the credentials (JWT and NKey) for NATS.'),
  natsTlsCa: optional(
    'ETHERPLY_NATS_TLS_CA',
    text,
    'File with the certificates in PEM that the NATS servers are checked against. Unset: those that Node.js trusts.',
  ),
  natsTlsCert: optional(
    'ETHERPLY_NATS_TLS_CERT',
    text,
    'File with the certificate in PEM that the pod shows to NATS. Needs `ETHERPLY_NATS_TLS_KEY`.',
  ),
  natsTlsKey: optional('ETHERPLY_NATS_TLS_KEY', text, 'File with the key of that certificate in PEM.'),
  manageStream: defaulted(
    'ETHERPLY_MANAGE_STREAM',
    boolean,
    'true',
    'true or false. Whether the pod makes the stream and its object bucket, and changes them to what is set here. ' +
      'false: it waits until somebody has made them, as the operator does, and changes nothing.',
  ),
  streamReplicas: defaulted(
    'ETHERPLY_STREAM_REPLICAS',
    choice(['1', '3'], 'set 1 or 3').transform((value) => (value === '1' ? 1 : 3)),
    '1',
    'On how many NATS servers the stream is kept: 1, or 3 so that it outlives one of them. 3 needs three servers.',
  ),
  streamRetention: defaulted(
    'ETHERPLY_STREAM_RETENTION',
    choice(['limits', 'interest'], 'set limits or interest'),
    'limits',
    'What the stream keeps. limits: all that is needed to open any workspace on an empty pod. ' +
      'interest: what some pod does not have yet; each pod then has a full copy of everything. Not with ETHERPLY_REGIONS.',
  ),
  streamMaxAgeSeconds: unlimitable(
    'ETHERPLY_STREAM_MAX_AGE_SECONDS',
    'seconds',
    3_153_600_000,
    0,
    'How long the stream keeps a message. What is older is only on pods that have it.',
  ),
  streamMaxBytes: unlimitable(
    'ETHERPLY_STREAM_MAX_BYTES',
    'bytes',
    109_951_162_777_600,
    0,
    'Most that the stream holds. A full one takes nothing more.',
  ),
  streamDuplicateSeconds: counted(
    'ETHERPLY_STREAM_DUPLICATE_SECONDS',
    'seconds',
    1,
    86_400,
    120,
    'For how long the stream recognises a message that is published again.',
  ),
  maxUnpublishedBytes: counted(
    'ETHERPLY_MAX_UNPUBLISHED_BYTES',
    'bytes',
    65_536,
    1_099_511_627_776,
    64 << 20,
    'Most that this pod holds and the stream does not have yet, as while NATS is away; beyond it ops are refused with unavailable.',
  ),
  regions: defaulted(
    'ETHERPLY_REGIONS',
    regionList,
    '',
    'Names of the other clusters whose streams this one sources, separated by commas; ' +
      '`name=domain` where the JetStream domain of the other one differs.',
  ),
  homeRegion: optional(
    'ETHERPLY_HOME_REGION',
    clusterName,
    'Name of the cluster that serves the workspaces of the strategy server-auth. Unset: this one.',
  ),
};
