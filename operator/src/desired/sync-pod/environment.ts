import type { V1EnvVar } from '@kubernetes/client-node';
import type { Cluster, ClusterSpec } from '../../api/cluster.ts';
import { bytesOf } from '../../api/quantity.ts';
import { streamNameOf } from '../../api/stream-name.ts';
import { NATS_CLIENT_PORT, namesOf, natsHost, shardDirectory } from '../names.ts';
import { NATS_FILES } from './nats-files.ts';

/** What a pod keeps of its grace period after it has let clients go. */
const RESERVE_SECONDS = 5;

type Text = string | number | boolean | undefined;

/**
 * The environment variables of a sync pod (docs/configuration.md). What only the operator does, as making the stream, is
 * not among them: pods need no restart for it.
 */
export function environmentOf(cluster: Cluster): V1EnvVar[] {
  const { spec } = cluster;
  return [
    ...texts({
      ETHERPLY_CLUSTER: streamNameOf(cluster),
      ETHERPLY_MANAGE_STREAM: false,
      ETHERPLY_STREAM_RETENTION: spec.stream.retention,
      ETHERPLY_ACK: spec.ack,
      ETHERPLY_SYNC_STRATEGY: spec.strategy,
      ETHERPLY_REPO_SYNC: spec.repoSync ? true : undefined,
      // What one pod has kept the others have: to clients they are one storage.
      ETHERPLY_REPO_STORAGE_ID: spec.repoSync ? cluster.uid : undefined,
      ETHERPLY_DATA_DIRS: Array.from({ length: spec.storage.shards }, (_, shard) => shardDirectory(shard)).join(','),
      ETHERPLY_REGIONS: regionsOf(spec),
      ETHERPLY_HOME_REGION: spec.regions.home,
      ETHERPLY_TRUST_PROXY: spec.ingress.mode === 'router' ? true : undefined,
      ETHERPLY_LOG_LEVEL: spec.monitoring.logLevel,
      SHUTDOWN_TIMEOUT_SECONDS: spec.podTemplate.terminationGracePeriodSeconds - RESERVE_SECONDS,
    }),
    ...authentication(spec),
    ...nats(cluster),
    ...texts(limits(spec)),
    ...webhook(spec),
    fromSecret('ETHERPLY_CONTROL_TOKEN', { name: namesOf(cluster).controlSecret, key: 'token' }),
  ];
}

function authentication({ auth }: ClusterSpec): V1EnvVar[] {
  return [
    ...(auth.secretRef === undefined ? [] : [fromSecret('ETHERPLY_JWT_SECRET', auth.secretRef)]),
    ...texts({
      ETHERPLY_JWKS_URL: auth.jwks?.url,
      ETHERPLY_JWT_ISSUER: auth.issuer,
      ETHERPLY_JWT_AUDIENCE: auth.audience,
      ETHERPLY_DEFAULT_SCOPES: auth.defaultScopes.length > 0 ? auth.defaultScopes.join(',') : undefined,
      ETHERPLY_REQUIRE_WORKSPACE_CLAIM: auth.requireWorkspaceClaim ? true : undefined,
    }),
  ];
}

function nats(cluster: Cluster): V1EnvVar[] {
  const { managed, external } = cluster.spec.nats;
  if (managed !== undefined) {
    const { natsSecret } = namesOf(cluster);
    const urls = Array.from(
      { length: managed.replicas },
      (_, ordinal) => `nats://${natsHost(cluster, ordinal)}:${NATS_CLIENT_PORT}`,
    );
    return [...texts({ ETHERPLY_NATS_URL: urls.join(',') }), ...userAndPassword(natsSecret)];
  }
  const { credentials, tls } = external ?? {};
  return [
    ...texts({
      ETHERPLY_NATS_URL: external?.servers.join(','),
      ETHERPLY_NATS_NKEY_FILE: credentials?.nkeyRef && NATS_FILES.nkey,
      ETHERPLY_NATS_CREDS_FILE: credentials?.credsRef && NATS_FILES.creds,
      ETHERPLY_NATS_TLS_CA: tls?.caRef && NATS_FILES.ca,
      ETHERPLY_NATS_TLS_CERT: tls?.certificateRef && NATS_FILES.certificate,
      ETHERPLY_NATS_TLS_KEY: tls?.certificateRef && NATS_FILES.key,
    }),
    ...(credentials?.userRef === undefined ? [] : userAndPassword(credentials.userRef.name)),
    ...(credentials?.tokenRef === undefined ? [] : [fromSecret('ETHERPLY_NATS_TOKEN', credentials.tokenRef)]),
  ];
}

function limits({ limits }: ClusterSpec): Record<string, Text> {
  return {
    ETHERPLY_MAX_CONNECTIONS: limits.maxConnections,
    ETHERPLY_MAX_CONNECTIONS_PER_WORKSPACE: limits.maxConnectionsPerWorkspace,
    ETHERPLY_MAX_CONNECTIONS_PER_IP: limits.maxConnectionsPerIP,
    ETHERPLY_MAX_MESSAGE_BYTES: plain(limits.maxMessageBytes),
    ETHERPLY_MAX_PENDING_BYTES: plain(limits.maxPendingBytes),
    ETHERPLY_MAX_OPS_PER_SECOND: limits.maxOpsPerSecond,
    ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND: limits.maxWorkspaceOpsPerSecond,
    ETHERPLY_MAX_WORKSPACE_KEYS: limits.maxWorkspaceKeys,
    ETHERPLY_MAX_WORKSPACE_BYTES: plain(limits.maxWorkspaceBytes),
    ETHERPLY_MAX_PRESENCE_BYTES: limits.maxPresenceBytes,
    ETHERPLY_MAX_UNPUBLISHED_BYTES: plain(limits.maxUnpublishedBytes),
  };
}

function webhook({ webhook }: ClusterSpec): V1EnvVar[] {
  if (webhook === undefined) return [];
  return [...texts({ ETHERPLY_WEBHOOK_URL: webhook.url }), fromSecret('ETHERPLY_WEBHOOK_SECRET', webhook.secretRef)];
}

function regionsOf({ regions }: ClusterSpec): string | undefined {
  const { others } = regions;
  if (others.length === 0) return undefined;
  return others.map(({ name, domain }) => (domain === undefined ? name : `${name}=${domain}`)).join(',');
}

function userAndPassword(secret: string): V1EnvVar[] {
  return [
    fromSecret('ETHERPLY_NATS_USER', { name: secret, key: 'user' }),
    fromSecret('ETHERPLY_NATS_PASSWORD', { name: secret, key: 'password' }),
  ];
}

function plain(quantity: string | undefined): number | undefined {
  return quantity === undefined ? undefined : bytesOf(quantity);
}

/** Those that have a value, in their order. */
function texts(values: Readonly<Record<string, Text>>): V1EnvVar[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: String(value) }],
  );
}

function fromSecret(name: string, { name: secret, key }: { name: string; key: string }): V1EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}
