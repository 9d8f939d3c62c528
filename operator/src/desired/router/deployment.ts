import type { V1DeploymentSpec, V1Probe } from '@kubernetes/client-node';
import type { Cluster } from '../../api/cluster.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Circumstances } from '../desired.ts';
import { hashOf } from '../hash.ts';
import { CONFIG_HASH_ANNOTATION, labelsOf, selectorOf } from '../labels.ts';
import { metadataOf } from '../metadata.ts';
import { CLIENT_PORT, namesOf, ROUTER_METRICS_PORT } from '../names.ts';
import { containerSecurity, HAPROXY_USER, podSecurity } from '../security.ts';
import { apart, overZones } from '../spread.ts';
import { routerFiles } from './config-map.ts';
import { HARD_STOP_SECONDS } from './haproxy-config.ts';

const DIRECTORY = '/etc/etherply';
/** Until then nobody sends new connections to a router that is to end. */
const LEAVING_SECONDS = 5;

/** The HAProxy that sends the requests of a workspace to one pod. */
export function routerDeployment(cluster: Cluster, circumstances: Circumstances): KubeObject | undefined {
  const { mode, router } = cluster.spec.ingress;
  if (mode !== 'router') return undefined;
  const deployment: V1DeploymentSpec = {
    replicas: router.replicas,
    revisionHistoryLimit: 3,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    selector: { matchLabels: selectorOf(cluster, 'router') },
    template: podTemplate(cluster, circumstances),
  };
  const metadata = metadataOf(cluster, namesOf(cluster).router, { component: 'router' });
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deployment };
}

function podTemplate(cluster: Cluster, circumstances: Circumstances): V1DeploymentSpec['template'] {
  const { image, ingress } = cluster.spec;
  const names = namesOf(cluster);
  return {
    metadata: {
      labels: labelsOf(cluster, 'router'),
      annotations: { [CONFIG_HASH_ANNOTATION]: hashOf(routerFiles(cluster, circumstances)) },
    },
    spec: {
      serviceAccountName: names.cluster,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: LEAVING_SECONDS + HARD_STOP_SECONDS + 10,
      securityContext: podSecurity(HAPROXY_USER),
      affinity: apart(cluster, 'router'),
      topologySpreadConstraints: overZones(cluster, 'router'),
      ...(image.pullSecrets.length === 0 ? {} : { imagePullSecrets: image.pullSecrets.map((name) => ({ name })) }),
      containers: [
        {
          name: 'haproxy',
          image: ingress.router.image,
          command: ['haproxy', '-db', '-f', `${DIRECTORY}/haproxy.cfg`],
          ports: [
            { name: 'http', containerPort: CLIENT_PORT, protocol: 'TCP' },
            { name: 'metrics', containerPort: ROUTER_METRICS_PORT, protocol: 'TCP' },
          ],
          resources: ingress.router.resources ?? { requests: { cpu: '100m', memory: '128Mi' } },
          securityContext: containerSecurity(),
          livenessProbe: probe('/healthz', 10, 3),
          readinessProbe: probe('/readyz', 2, 2),
          // Then the signal of the image comes (SIGUSR1), upon which HAProxy takes nothing new and waits for what there is.
          lifecycle: { preStop: { exec: { command: ['sleep', String(LEAVING_SECONDS)] } } },
          volumeMounts: [{ name: 'config', mountPath: DIRECTORY, readOnly: true }],
        },
      ],
      volumes: [{ name: 'config', configMap: { name: names.router } }],
    },
  };
}

function probe(path: string, periodSeconds: number, failureThreshold: number): V1Probe {
  return { httpGet: { path, port: 'metrics', scheme: 'HTTP' }, periodSeconds, failureThreshold, timeoutSeconds: 2 };
}
