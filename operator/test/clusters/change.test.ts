import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NatsServer } from '../../../sync-pod/test/nats-server.ts';
import { ClusterStage } from './cluster-stage.ts';
import { type Difference, differenceOf, required } from './owned-objects.ts';
import { sharedOperator } from './shared-operator.ts';
import { differenceBy, mergePatch, NOTHING, type Spec, settled } from './spec-change.ts';

const shared = sharedOperator();
let nats: NatsServer;

beforeAll(async () => {
  nats = await NatsServer.start();
});

afterAll(async () => {
  await nats.stop();
});

function withExternalNats(spec: Spec = {}): Record<string, unknown> {
  return { nats: { external: { servers: [nats.url] } }, ...spec };
}

const PODS = { changed: ['StatefulSet c'], rolled: ['StatefulSet c'] };

function variable(name: string, value: string): Spec {
  return container({ env: expect.arrayContaining([{ name, value }]) });
}

function container(fields: Spec): Spec {
  return podSpec({ containers: [expect.objectContaining(fields)] });
}

function podSpec(fields: Spec): Spec {
  return { spec: { template: { spec: fields } } };
}

describe('a changed field changes what it is about, and no more', () => {
  let stage: ClusterStage;
  beforeAll(async () => {
    stage = await ClusterStage.of(shared().controlPlane, withExternalNats());
  });
  afterAll(() => stage.close());

  // Of one cluster, one after the other: what one has changed stays.
  const rows: [string, Spec, Partial<Difference>, Record<string, Spec>?][] = [
    ['strategy', { strategy: 'lww' }, PODS, { 'StatefulSet c': variable('ETHERPLY_SYNC_STRATEGY', 'lww') }],
    ['ack', { ack: 'local' }, PODS, { 'StatefulSet c': variable('ETHERPLY_ACK', 'local') }],
    ['repoSync', { repoSync: true }, PODS, { 'StatefulSet c': variable('ETHERPLY_REPO_SYNC', 'true') }],
    [
      'image.tag',
      { image: { tag: '9' } },
      PODS,
      { 'StatefulSet c': container({ image: 'ghcr.io/etherply/sync-pod:9' }) },
    ],
    [
      'image.pullPolicy',
      { image: { pullPolicy: 'Always' } },
      PODS,
      { 'StatefulSet c': container({ imagePullPolicy: 'Always' }) },
    ],
    [
      'image.pullSecrets',
      { image: { pullSecrets: ['pull'] } },
      { changed: ['Deployment c-router', 'StatefulSet c'], rolled: ['Deployment c-router', 'StatefulSet c'] },
      { 'Deployment c-router': podSpec({ imagePullSecrets: [{ name: 'pull' }] }) },
    ],
    [
      'auth.issuer',
      { auth: { issuer: 'https://id.example' } },
      PODS,
      { 'StatefulSet c': variable('ETHERPLY_JWT_ISSUER', 'https://id.example') },
    ],
    [
      'auth.jwks',
      { auth: { jwks: { url: 'https://id.example:444/keys' } } },
      { changed: ['NetworkPolicy c', 'StatefulSet c'], rolled: ['StatefulSet c'] },
      {
        'NetworkPolicy c': { spec: { egress: expect.arrayContaining([{ ports: [{ protocol: 'TCP', port: 444 }] }]) } },
      },
    ],
    ['auth without the secret', { auth: { secretRef: null } }, PODS, {}],
    [
      'auth.defaultScopes',
      { auth: { defaultScopes: ['read'] } },
      PODS,
      { 'StatefulSet c': variable('ETHERPLY_DEFAULT_SCOPES', 'read') },
    ],
    [
      'auth.requireWorkspaceClaim',
      { auth: { requireWorkspaceClaim: true } },
      PODS,
      { 'StatefulSet c': variable('ETHERPLY_REQUIRE_WORKSPACE_CLAIM', 'true') },
    ],
    [
      'limits',
      { limits: { maxConnections: 100, maxWorkspaceBytes: '1Mi' } },
      PODS,
      { 'StatefulSet c': variable('ETHERPLY_MAX_WORKSPACE_BYTES', '1048576') },
    ],
    [
      'monitoring.logLevel',
      { monitoring: { logLevel: 'debug' } },
      PODS,
      { 'StatefulSet c': variable('ETHERPLY_LOG_LEVEL', 'debug') },
    ],
    [
      'podTemplate.labels',
      { podTemplate: { labels: { team: 'chat' } } },
      PODS,
      { 'StatefulSet c': { spec: { template: { metadata: { labels: { team: 'chat' } } } } } },
    ],
    [
      'podTemplate.env',
      { podTemplate: { env: [{ name: 'ETHERPLY_PING_SECONDS', value: '20' }] } },
      PODS,
      { 'StatefulSet c': variable('ETHERPLY_PING_SECONDS', '20') },
    ],
    [
      'podTemplate.resources',
      { podTemplate: { resources: { limits: { memory: '2Gi' } } } },
      PODS,
      { 'StatefulSet c': container({ resources: { limits: { memory: '2Gi' } } }) },
    ],
    [
      'podTemplate: where pods run',
      {
        podTemplate: {
          nodeSelector: { disk: 'ssd' },
          tolerations: [{ key: 'dedicated', operator: 'Exists' }],
          serviceAccountName: 'mine',
        },
      },
      PODS,
      { 'StatefulSet c': podSpec({ nodeSelector: { disk: 'ssd' }, serviceAccountName: 'mine' }) },
    ],
    [
      'podTemplate.terminationGracePeriodSeconds',
      { podTemplate: { terminationGracePeriodSeconds: 90 } },
      PODS,
      { 'StatefulSet c': podSpec({ terminationGracePeriodSeconds: 90 }) },
    ],
    [
      'storage.retain',
      { storage: { retain: 'Delete' } },
      { changed: ['StatefulSet c'] },
      {
        'StatefulSet c': {
          spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' } },
        },
      },
    ],
    ['stream.maxAge and maxBytes', { stream: { maxAge: '24h', maxBytes: '1Gi' } }, {}],
    ['stream.deletion', { stream: { deletion: 'Delete' } }, {}],
    ['monitoring.labels', { monitoring: { labels: { release: 'prometheus' } } }, {}],
    [
      'ingress.router.replicas',
      { ingress: { router: { replicas: 3 } } },
      { changed: ['Deployment c-router'] },
      { 'Deployment c-router': { spec: { replicas: 3 } } },
    ],
    [
      'ingress.router.image',
      { ingress: { router: { image: 'haproxy:3.3' } } },
      { changed: ['Deployment c-router'], rolled: ['Deployment c-router'] },
      { 'Deployment c-router': container({ image: 'haproxy:3.3' }) },
    ],
    [
      'ingress.router.forwardedFor',
      { ingress: { router: { forwardedFor: 'keep' } } },
      { changed: ['ConfigMap c-router', 'Deployment c-router'], rolled: ['Deployment c-router'] },
    ],
    [
      'ingress.service',
      { ingress: { service: { type: 'LoadBalancer', annotations: { 'example.com/lb': 'internal' } } } },
      { changed: ['Service c'] },
      {
        'Service c': {
          metadata: { annotations: { 'example.com/lb': 'internal' } },
          spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
        },
      },
    ],
    [
      'ingress.service back again',
      { ingress: { service: { type: 'ClusterIP', annotations: null } } },
      { changed: ['Service c'] },
      {
        'Service c': {
          spec: { type: 'ClusterIP', ports: [expect.not.objectContaining({ nodePort: expect.anything() })] },
        },
      },
    ],
    [
      'ingress.host with TLS',
      { ingress: { host: 'sync.example.com', tlsSecretName: 'tls', className: 'traefik' } },
      { made: ['Ingress c'] },
      {
        'Ingress c': {
          spec: { ingressClassName: 'traefik', tls: [{ hosts: ['sync.example.com'], secretName: 'tls' }] },
        },
      },
    ],
    [
      'ingress.annotations',
      { ingress: { annotations: { 'cert-manager.io/issuer': 'le' } } },
      { changed: ['Ingress c'] },
      { 'Ingress c': { metadata: { annotations: { 'cert-manager.io/issuer': 'le' } } } },
    ],
    [
      'ingress.mode haproxy-ingress: without the router',
      { ingress: { mode: 'haproxy-ingress' } },
      {
        changed: ['Ingress c', 'NetworkPolicy c', 'Service c', 'StatefulSet c'],
        deleted: [
          'ConfigMap c-router',
          'Deployment c-router',
          'NetworkPolicy c-router',
          'PodDisruptionBudget c-router',
        ],
        rolled: ['StatefulSet c'],
      },
      { 'Service c': { spec: { selector: { 'app.kubernetes.io/component': 'sync-pod' } } } },
    ],
    ['ingress.mode none: without the Ingress', { ingress: { mode: 'none' } }, { deleted: ['Ingress c'] }],
    [
      'ingress.mode router: with it again',
      { ingress: { mode: 'router', host: null, tlsSecretName: null } },
      {
        changed: ['NetworkPolicy c', 'Service c', 'StatefulSet c'],
        made: ['ConfigMap c-router', 'Deployment c-router', 'NetworkPolicy c-router', 'PodDisruptionBudget c-router'],
        rolled: ['StatefulSet c'],
      },
    ],
    [
      'networkPolicy.allowFrom',
      { networkPolicy: { allowFrom: [{ ipBlock: { cidr: '10.0.0.0/8' } }] } },
      { changed: ['NetworkPolicy c', 'NetworkPolicy c-router'] },
    ],
    [
      'networkPolicy.enabled: false',
      { networkPolicy: { enabled: false } },
      { deleted: ['NetworkPolicy c', 'NetworkPolicy c-router'] },
    ],
    [
      'autoscaling',
      { autoscaling: { minReplicas: 2, maxReplicas: 12, targetConnections: 500 } },
      { made: ['HorizontalPodAutoscaler c'] },
      {
        'HorizontalPodAutoscaler c': {
          spec: { minReplicas: 2, maxReplicas: 12, scaleTargetRef: { kind: 'EtherPlyCluster', name: 'c' } },
        },
      },
    ],
    [
      'autoscaling beyond the servers of the router',
      { autoscaling: { maxReplicas: 40 } },
      {
        changed: ['ConfigMap c-router', 'Deployment c-router', 'HorizontalPodAutoscaler c'],
        rolled: ['Deployment c-router'],
      },
    ],
    [
      'autoscaling by KEDA, which is not there',
      { autoscaling: { metrics: 'keda', prometheusAddress: 'http://prometheus.monitoring.svc:9090' } },
      { deleted: ['HorizontalPodAutoscaler c'] },
    ],
    [
      'no autoscaling',
      { autoscaling: null },
      { changed: ['ConfigMap c-router', 'Deployment c-router'], rolled: ['Deployment c-router'] },
    ],
  ];
  test.each(rows)('%s', async (_, spec, expected, contents = {}) => {
    const [difference, objects] = await differenceBy(stage, spec);
    expect(difference).toEqual({ ...NOTHING, ...expected });
    for (const [name, content] of Object.entries(contents)) expect(required(objects, name)).toMatchObject(content);
  });

  test('a webhook is told with a secret that must be there first', async () => {
    const before = await settled(stage);
    await mergePatch(stage, { webhook: { url: 'https://hooks.example/x', secretRef: { name: 'hook' } } });
    await stage.cluster.has('Degraded', 'True', 'SecretMissing');
    expect(differenceOf(before, await settled(stage))).toEqual(NOTHING);
    const { client, namespace } = stage;
    const metadata = { namespace, name: 'hook' };
    await client.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      stringData: { 'webhook-secret': 'sixteen bytes and more' },
    });
    await stage.cluster.has('Progressing', 'True', 'Rolling');
    expect(required(await settled(stage), 'StatefulSet c')).toMatchObject(
      variable('ETHERPLY_WEBHOOK_URL', 'https://hooks.example/x'),
    );
  });

  test('immutable fields are refused, with why and what to do instead', async () => {
    const before = await settled(stage);
    const refused: [Spec, RegExp][] = [
      [
        { storage: { shards: 2 } },
        /where a workspace lies follows from the number of shards.*Make another EtherPlyCluster/,
      ],
      [{ storage: { size: '1Gi' } }, /cannot be less than it was: Kubernetes cannot make a volume smaller/],
      [
        { storage: { storageClassName: 'other' } },
        /storageClassName cannot be changed: Kubernetes cannot move a volume/,
      ],
      [{ stream: { name: 'other' } }, /name cannot be changed: pods would begin with an empty stream/],
      [{ stream: { retention: 'interest' } }, /NATS cannot change it. Make another EtherPlyCluster/],
      [{ nats: { external: null, managed: {} } }, /cannot be switched between managed and external/],
    ];
    for (const [spec, message] of refused) await expect(mergePatch(stage, spec)).rejects.toThrow(message);
    expect(differenceOf(before, await settled(stage))).toEqual(NOTHING);
  });

  test('what stays as it is in the spec, and is left out of it, changes nothing', async () => {
    const before = await settled(stage);
    const object = await stage.cluster.get();
    await mergePatch(stage, { limits: {}, image: {}, podTemplate: {} });
    expect((await stage.cluster.get())?.metadata.generation).toBe(object?.metadata.generation);
    expect(differenceOf(before, await settled(stage))).toEqual(NOTHING);
  });
});

describe('managed NATS', () => {
  let stage: ClusterStage;
  beforeAll(async () => {
    stage = await ClusterStage.withManagedNats(shared().controlPlane);
  });
  afterAll(() => stage.close());

  const NATS = { changed: ['StatefulSet c-nats'], rolled: ['StatefulSet c-nats'] };
  const rows: [string, Spec, Partial<Difference>, Spec?][] = [
    ['image', { image: 'nats:2.13-alpine' }, NATS, container({ image: 'nats:2.13-alpine' })],
    [
      'resources',
      { resources: { limits: { memory: '4Gi' } } },
      NATS,
      container({ resources: { limits: { memory: '4Gi' } } }),
    ],
    ['syncAlways', { syncAlways: true }, { ...NATS, changed: ['ConfigMap c-nats', 'StatefulSet c-nats'] }],
  ];
  test.each(rows)('%s', async (_, managed, expected, content = {}) => {
    const [difference, objects] = await differenceBy(stage, { nats: { managed } });
    expect(difference).toEqual({ ...NOTHING, ...expected });
    expect(required(objects, 'StatefulSet c-nats')).toMatchObject(content);
  });
});
