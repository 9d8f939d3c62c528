import type { V1EnvVar, V1PersistentVolumeClaim, V1Probe, V1StatefulSetSpec } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { given } from '../given.ts';
import { hashOf, secretsHash } from '../hash.ts';
import { CONFIG_HASH_ANNOTATION, labelsOf, SECRETS_HASH_ANNOTATION, selectorOf } from '../labels.ts';
import { metadataOf } from '../metadata.ts';
import { CLIENT_PORT, namesOf, shardDirectory, shardVolume } from '../names.ts';
import { neededSecrets } from '../secrets.ts';
import { containerSecurity, podSecurity, USER } from '../security.ts';
import { apart, overZones } from '../spread.ts';
import { environmentOf } from './environment.ts';
import { NATS_DIRECTORY, natsFileSources } from './nats-files.ts';

/** A pod that takes as long as this to read what it has is not stuck yet. */
const STARTUP_SECONDS = 600;
const PROBE_SECONDS = 2;
/** Readable for the group, which is that of the pod. */
const FILE_MODE = 0o440;

/** The sync pods. The operator itself makes them anew, one at a time. */
export function syncPodStatefulSet(cluster: Cluster, circumstances: Circumstances): KubeObject {
  const { name, spec } = cluster;
  const statefulSet: V1StatefulSetSpec = {
    replicas: circumstances.replicas,
    serviceName: namesOf(cluster).pods,
    // Pods do not wait for each other, and none is replaced before it has handed over what it has.
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'OnDelete' },
    minReadySeconds: 5,
    revisionHistoryLimit: 5,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: spec.storage.retain, whenScaled: spec.storage.retain },
    selector: { matchLabels: selectorOf(cluster, 'sync-pod') },
    template: podTemplate(cluster, circumstances),
    volumeClaimTemplates: shards(cluster).map((shard) => claim(cluster, shard)),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf(cluster, name, { component: 'sync-pod' }),
    spec: statefulSet,
  };
}

function podTemplate(cluster: Cluster, { version, secrets }: Circumstances): V1StatefulSetSpec['template'] {
  const { image, podTemplate } = cluster.spec;
  const env = withOwn(
    environmentOf(cluster),
    (podTemplate.env ?? []).map(({ name, ...rest }) => ({ name, ...given(rest) })),
  );
  const files = natsFileSources(cluster);
  const names = neededSecrets(cluster).map((secret) => secret.name);
  return {
    metadata: {
      labels: { ...podTemplate.labels, ...labelsOf(cluster, 'sync-pod') },
      annotations: {
        ...podTemplate.annotations,
        [CONFIG_HASH_ANNOTATION]: hashOf([env, files]),
        [SECRETS_HASH_ANNOTATION]: secretsHash(secrets, names),
      },
    },
    spec: {
      serviceAccountName: podTemplate.serviceAccountName ?? namesOf(cluster).cluster,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: podTemplate.terminationGracePeriodSeconds,
      securityContext: podSecurity(USER),
      ...(image.pullSecrets.length === 0 ? {} : { imagePullSecrets: image.pullSecrets.map((name) => ({ name })) }),
      ...placement(cluster),
      containers: [
        {
          name: 'sync-pod',
          image: `${image.repository}:${image.tag ?? version}`,
          imagePullPolicy: image.pullPolicy,
          env,
          ports: [{ name: 'http', containerPort: CLIENT_PORT, protocol: 'TCP' }],
          resources: podTemplate.resources ?? { requests: { cpu: '500m', memory: '512Mi' } },
          securityContext: containerSecurity(),
          startupProbe: probe('/healthz', PROBE_SECONDS, STARTUP_SECONDS / PROBE_SECONDS),
          livenessProbe: probe('/healthz', 10, 6),
          readinessProbe: probe('/readyz', PROBE_SECONDS, 2),
          volumeMounts: [
            ...shards(cluster).map((shard) => ({ name: shardVolume(shard), mountPath: shardDirectory(shard) })),
            ...(files.length === 0 ? [] : [{ name: 'nats', mountPath: NATS_DIRECTORY, readOnly: true }]),
          ],
        },
      ],
      ...(files.length === 0
        ? {}
        : { volumes: [{ name: 'nats', projected: { defaultMode: FILE_MODE, sources: files } }] }),
    },
  };
}

function placement(cluster: Cluster) {
  const { nodeSelector, tolerations, affinity, topologySpreadConstraints, priorityClassName } =
    cluster.spec.podTemplate;
  const labelSelector = { matchLabels: selectorOf(cluster, 'sync-pod') };
  return given({
    nodeSelector,
    tolerations,
    priorityClassName,
    affinity: affinity ?? apart(cluster, 'sync-pod'),
    topologySpreadConstraints:
      topologySpreadConstraints?.map((constraint) => ({ labelSelector, ...constraint })) ??
      overZones(cluster, 'sync-pod'),
  });
}

function claim({ spec }: Cluster, shard: number): V1PersistentVolumeClaim {
  const { size, storageClassName } = spec.storage;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: shardVolume(shard) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      resources: { requests: { storage: size } },
      ...given({ storageClassName }),
    },
  };
}

/** The variables, with those of the spec in place of the operator's own of the same name. */
function withOwn(env: readonly V1EnvVar[], own: readonly V1EnvVar[]): V1EnvVar[] {
  const names = new Set(own.map(({ name }) => name));
  return [...env.filter(({ name }) => !names.has(name)), ...own];
}

function shards({ spec }: Cluster): number[] {
  return Array.from({ length: spec.storage.shards }, (_, shard) => shard);
}

function probe(path: string, periodSeconds: number, failureThreshold: number): V1Probe {
  return { httpGet: { path, port: 'http', scheme: 'HTTP' }, periodSeconds, failureThreshold, timeoutSeconds: 5 };
}
