import type { V1EnvVar, V1PersistentVolumeClaim, V1Probe, V1StatefulSetSpec } from '@kubernetes/client-node';
import type { Cluster, ClusterSpec } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { given } from '../given.ts';
import { hashOf, secretsHash } from '../hash.ts';
import { CONFIG_HASH_ANNOTATION, labelsOf, SECRETS_HASH_ANNOTATION, selectorOf } from '../labels.ts';
import { metadataOf } from '../metadata.ts';
import { NATS_CLIENT_PORT, NATS_CLUSTER_PORT, NATS_MONITOR_PORT, namesOf, natsHost } from '../names.ts';
import { NATS_USER } from '../secrets.ts';
import { containerSecurity, podSecurity, USER } from '../security.ts';
import { apart, overZones } from '../spread.ts';
import { natsFiles, PID_FILE, RUN_DIRECTORY, STORE_DIRECTORY } from './config-map.ts';
import { natsVariables } from './nats-config.ts';

type Managed = NonNullable<ClusterSpec['nats']['managed']>;

const CONFIG_DIRECTORY = '/etc/etherply';
/**
 * A pod that is deleted by force may run a little longer than its successor takes to come, and nats-server does not see that
 * another one writes to the same files: they hold different messages from then on. The lock goes with the process.
 */
const ALONE = `exec 9>>"${STORE_DIRECTORY}/lock" && flock 9 && exec "$0" "$@"`;
/** Longer than a server takes to send its clients to others. */
const GRACE_SECONDS = 60;

/** The managed NATS servers. Kubernetes makes them anew one at a time, when the one before is ready. */
export function natsStatefulSet(cluster: Cluster, circumstances: Circumstances): KubeObject | undefined {
  const { managed } = cluster.spec.nats;
  if (managed === undefined) return undefined;
  const name = namesOf(cluster).nats;
  const statefulSet: V1StatefulSetSpec = {
    replicas: managed.replicas,
    serviceName: name,
    // Of three, two must be there for any to be ready.
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'RollingUpdate' },
    revisionHistoryLimit: 3,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: cluster.spec.stream.deletion, whenScaled: 'Retain' },
    selector: { matchLabels: selectorOf(cluster, 'nats') },
    template: podTemplate(cluster, managed, circumstances),
    volumeClaimTemplates: [claim(managed)],
  };
  const metadata = metadataOf(cluster, name, { component: 'nats' });
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: statefulSet };
}

function podTemplate(cluster: Cluster, managed: Managed, { secrets }: Circumstances): V1StatefulSetSpec['template'] {
  const names = namesOf(cluster);
  const { pullSecrets } = cluster.spec.image;
  return {
    metadata: {
      labels: labelsOf(cluster, 'nats'),
      annotations: {
        [CONFIG_HASH_ANNOTATION]: hashOf(natsFiles(cluster)),
        [SECRETS_HASH_ANNOTATION]: secretsHash(secrets, [names.natsSecret]),
      },
    },
    spec: {
      serviceAccountName: names.cluster,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      securityContext: podSecurity(USER),
      affinity: apart(cluster, 'nats'),
      topologySpreadConstraints: overZones(cluster, 'nats'),
      ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
      containers: [
        {
          name: 'nats',
          image: managed.image,
          command: [
            'sh',
            '-c',
            ALONE,
            'nats-server',
            '--config',
            `${CONFIG_DIRECTORY}/nats.conf`,
            '--name',
            '$(POD_NAME)',
          ],
          env: [
            { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
            { name: 'NATS_PASSWORD', valueFrom: { secretKeyRef: { name: names.natsSecret, key: 'password' } } },
            ...variables(cluster, managed),
          ],
          ports: [
            { name: 'nats', containerPort: NATS_CLIENT_PORT, protocol: 'TCP' },
            { name: 'cluster', containerPort: NATS_CLUSTER_PORT, protocol: 'TCP' },
            { name: 'monitor', containerPort: NATS_MONITOR_PORT, protocol: 'TCP' },
          ],
          resources: managed.resources ?? { requests: { cpu: '100m', memory: '256Mi' } },
          securityContext: containerSecurity(),
          // With all that it keeps: the next one is made anew only when this one has caught up.
          startupProbe: probe('/healthz', 5, 180),
          livenessProbe: probe('/healthz?js-enabled-only=true', 30, 3),
          readinessProbe: probe('/healthz?js-server-only=true', 5, 3),
          // With others to go to, clients are sent there first.
          ...(managed.replicas === 1
            ? {}
            : { lifecycle: { preStop: { exec: { command: ['nats-server', `-sl=ldm=${PID_FILE}`] } } } }),
          volumeMounts: [
            { name: 'config', mountPath: CONFIG_DIRECTORY, readOnly: true },
            { name: 'run', mountPath: RUN_DIRECTORY },
            { name: 'store', mountPath: STORE_DIRECTORY },
          ],
        },
      ],
      volumes: [
        { name: 'config', configMap: { name: names.nats } },
        { name: 'run', emptyDir: { sizeLimit: '1Mi' } },
      ],
    },
  };
}

/** Kubernetes puts the password in. */
function variables(cluster: Cluster, { replicas }: Managed): V1EnvVar[] {
  const routes = Array.from({ length: replicas }, (_, one) => `${natsHost(cluster, one)}:${NATS_CLUSTER_PORT}`);
  const values = natsVariables(NATS_USER, '$(NATS_PASSWORD)', routes);
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

function claim({ size, storageClassName }: Managed): V1PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'store' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      resources: { requests: { storage: size } },
      ...given({ storageClassName }),
    },
  };
}

function probe(path: string, periodSeconds: number, failureThreshold: number): V1Probe {
  return { httpGet: { path, port: 'monitor', scheme: 'HTTP' }, periodSeconds, failureThreshold, timeoutSeconds: 5 };
}
