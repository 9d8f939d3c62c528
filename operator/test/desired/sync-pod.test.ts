import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../sync-pod/src/config/config.ts';
import { environmentOf } from '../../src/desired/sync-pod/environment.ts';
import { at, circumstancesOf, clusterOf, objectOf, type Written } from './fixture.ts';

const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers.0`;
const ANNOTATIONS = ['etherply.io/config-hash', 'etherply.io/secrets-hash'] as const;

const statefulSet = (written: Written = {}, changes = {}) => objectOf('StatefulSet/demo', written, changes);

/** Name → value, or `<Secret>:<key>`. */
function variables(written: Written = {}): Record<string, string | undefined> {
  return Object.fromEntries(
    environmentOf(clusterOf(written)).map(({ name, value, valueFrom }) => {
      const { name: secret, key } = valueFrom?.secretKeyRef ?? {};
      return [name, value ?? `${secret}:${key}`];
    }),
  );
}

function templateOf(written: Written = {}, changes = {}): unknown {
  return at(statefulSet(written, changes), 'spec.template');
}

function hashes(written: Written = {}, changes = {}): unknown[] {
  const annotations = Object.entries(at(templateOf(written, changes), 'metadata.annotations') ?? {});
  return ANNOTATIONS.map((name) => annotations.find(([one]) => one === name)?.[1]);
}

const EXTERNAL = { servers: ['tls://a.example:4222', 'tls://b.example:4222'] };

describe('what a pod is told', () => {
  test('a spec with nothing but who may come in gives a pod that replicates through managed NATS', () => {
    expect(variables()).toEqual({
      ETHERPLY_CLUSTER: 'chat_demo',
      ETHERPLY_MANAGE_STREAM: 'false',
      ETHERPLY_STREAM_RETENTION: 'limits',
      ETHERPLY_ACK: 'replicated',
      ETHERPLY_SYNC_STRATEGY: 'automerge',
      ETHERPLY_DATA_DIRS: '/data/shard-0',
      ETHERPLY_TRUST_PROXY: 'true',
      ETHERPLY_LOG_LEVEL: 'info',
      SHUTDOWN_TIMEOUT_SECONDS: '55',
      ETHERPLY_JWT_SECRET: 'demo-auth:jwt-secret',
      ETHERPLY_NATS_URL: 'nats://demo-nats-0.demo-nats.chat.svc:4222',
      ETHERPLY_NATS_USER: 'demo-nats:user',
      ETHERPLY_NATS_PASSWORD: 'demo-nats:password',
      ETHERPLY_CONTROL_TOKEN: 'demo-control:token',
    });
  });

  test.each<[what: string, written: Written, expected: Record<string, string>]>([
    [
      'the strategy and the ack',
      { strategy: 'lww', ack: 'local' },
      { ETHERPLY_SYNC_STRATEGY: 'lww', ETHERPLY_ACK: 'local' },
    ],
    [
      'clients of automerge-repo',
      { repoSync: true },
      { ETHERPLY_REPO_SYNC: 'true', ETHERPLY_REPO_STORAGE_ID: '7f1c3c54-7a0b-4a67-8f0b-3d1f6a2b9f10' },
    ],
    ['a name in NATS', { stream: { name: 'eu' } }, { ETHERPLY_CLUSTER: 'eu' }],
    ['shards', { storage: { shards: 2 } }, { ETHERPLY_DATA_DIRS: '/data/shard-0,/data/shard-1' }],
    [
      'keys, issuer, audience, scopes and the claim',
      {
        auth: {
          jwks: { url: 'https://id.example/keys' },
          issuer: 'https://id.example',
          audience: 'sync',
          defaultScopes: ['read', 'write'],
          requireWorkspaceClaim: true,
        },
      },
      {
        ETHERPLY_JWKS_URL: 'https://id.example/keys',
        ETHERPLY_JWT_ISSUER: 'https://id.example',
        ETHERPLY_JWT_AUDIENCE: 'sync',
        ETHERPLY_DEFAULT_SCOPES: 'read,write',
        ETHERPLY_REQUIRE_WORKSPACE_CLAIM: 'true',
      },
    ],
    [
      'three managed servers',
      { nats: { managed: { replicas: 3 } } },
      {
        ETHERPLY_NATS_URL: [0, 1, 2].map((one) => `nats://demo-nats-${one}.demo-nats.chat.svc:4222`).join(','),
      },
    ],
    ['external servers', { nats: { external: EXTERNAL } }, { ETHERPLY_NATS_URL: EXTERNAL.servers.join(',') }],
    [
      'a user of external servers',
      { nats: { external: { ...EXTERNAL, credentials: { userRef: { name: 'nats-user' } } } } },
      { ETHERPLY_NATS_USER: 'nats-user:user', ETHERPLY_NATS_PASSWORD: 'nats-user:password' },
    ],
    [
      'a token of external servers',
      { nats: { external: { ...EXTERNAL, credentials: { tokenRef: { name: 'nats-token' } } } } },
      { ETHERPLY_NATS_TOKEN: 'nats-token:token' },
    ],
    [
      'files for external servers',
      {
        nats: {
          external: {
            ...EXTERNAL,
            credentials: { credsRef: { name: 'creds' } },
            tls: { caRef: { name: 'ca' }, certificateRef: { name: 'cert' } },
          },
        },
      },
      {
        ETHERPLY_NATS_CREDS_FILE: '/etc/etherply/nats/creds',
        ETHERPLY_NATS_TLS_CA: '/etc/etherply/nats/ca.crt',
        ETHERPLY_NATS_TLS_CERT: '/etc/etherply/nats/tls.crt',
        ETHERPLY_NATS_TLS_KEY: '/etc/etherply/nats/tls.key',
      },
    ],
    [
      'regions',
      { stream: { name: 'eu' }, regions: { others: [{ name: 'us', domain: 'hub' }, { name: 'asia' }], home: 'us' } },
      { ETHERPLY_REGIONS: 'us=hub,asia', ETHERPLY_HOME_REGION: 'us' },
    ],
    [
      'limits, in plain numbers',
      { limits: { maxMessageBytes: '2Mi', maxWorkspaceBytes: '1G', maxConnections: 100, maxOpsPerSecond: 0 } },
      {
        ETHERPLY_MAX_MESSAGE_BYTES: '2097152',
        ETHERPLY_MAX_WORKSPACE_BYTES: '1000000000',
        ETHERPLY_MAX_CONNECTIONS: '100',
        ETHERPLY_MAX_OPS_PER_SECOND: '0',
      },
    ],
    [
      'a webhook',
      { webhook: { url: 'https://hooks.example/', secretRef: { name: 'hook', key: 'sign' } } },
      { ETHERPLY_WEBHOOK_URL: 'https://hooks.example/', ETHERPLY_WEBHOOK_SECRET: 'hook:sign' },
    ],
    [
      'its grace period and log level',
      { podTemplate: { terminationGracePeriodSeconds: 120 }, monitoring: { logLevel: 'debug' } },
      { SHUTDOWN_TIMEOUT_SECONDS: '115', ETHERPLY_LOG_LEVEL: 'debug' },
    ],
  ])('%s', (_, written, expected) => {
    expect(variables(written)).toMatchObject(expected);
  });

  test('without the router nothing is trusted that a request says of its client', () => {
    expect(variables({ ingress: { mode: 'none' } })).not.toHaveProperty('ETHERPLY_TRUST_PROXY');
  });

  test('external servers need nothing of managed ones', () => {
    const names = Object.values(variables({ nats: { external: EXTERNAL } }));
    expect(names.filter((value) => value?.includes('demo-nats'))).toEqual([]);
  });

  test('a sync pod takes all of it', () => {
    const everything = {
      stream: { name: 'eu' },
      regions: { others: [{ name: 'us' }] },
      limits: { maxUnpublishedBytes: '1Gi', maxPendingBytes: '1Mi', maxPresenceBytes: 100, maxConnectionsPerIP: 10 },
      webhook: { url: 'https://hooks.example/', secretRef: { name: 'hook' } },
    };
    const env = variables(everything);
    expect(loadConfig(env)).toMatchObject({ cluster: 'eu', maxPendingBytes: 1 << 20 });
  });
});

describe('the StatefulSet', () => {
  test('leaves it to the operator to make pods anew, and keeps their volumes', () => {
    expect(statefulSet()).toMatchObject({
      apiVersion: 'apps/v1',
      spec: {
        replicas: 3,
        serviceName: 'demo-pods',
        podManagementPolicy: 'Parallel',
        updateStrategy: { type: 'OnDelete' },
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        selector: { matchLabels: { 'etherply.io/cluster': 'demo', 'app.kubernetes.io/component': 'sync-pod' } },
      },
    });
  });

  test('has as many pods as it is to have now, whatever the spec says', () => {
    expect(at(statefulSet({ replicas: 1 }, { replicas: 2 }), 'spec.replicas')).toBe(2);
  });

  test('has a claim and a mount for each shard', () => {
    const object = statefulSet({ storage: { shards: 2, size: '5Gi', storageClassName: 'fast', retain: 'Delete' } });
    expect(object).toMatchObject({
      spec: {
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
        volumeClaimTemplates: [0, 1].map((shard) => ({
          metadata: { name: `shard-${shard}` },
          spec: { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } },
        })),
      },
    });
    expect(at(object, `${CONTAINER}.volumeMounts`)).toEqual([
      { name: 'shard-0', mountPath: '/data/shard-0' },
      { name: 'shard-1', mountPath: '/data/shard-1' },
    ]);
  });

  test('keeps to the Pod Security Standard restricted, without a token of Kubernetes', () => {
    expect(at(statefulSet(), POD)).toMatchObject({
      automountServiceAccountToken: false,
      serviceAccountName: 'demo',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    });
  });

  test.each<[what: string, written: Written, path: string, expected: unknown]>([
    ['the image of its own version', {}, `${CONTAINER}.image`, 'ghcr.io/etherply/sync-pod:1.2.3'],
    ['another image', { image: { repository: 'my/pod', tag: '9' } }, `${CONTAINER}.image`, 'my/pod:9'],
    ['pull secrets', { image: { pullSecrets: ['pull'] } }, `${POD}.imagePullSecrets`, [{ name: 'pull' }]],
    ['no pull secrets', {}, `${POD}.imagePullSecrets`, undefined],
    ['resources', {}, `${CONTAINER}.resources`, { requests: { cpu: '500m', memory: '512Mi' } }],
    [
      'other resources',
      { podTemplate: { resources: { limits: { memory: '1Gi' } } } },
      `${CONTAINER}.resources`,
      { limits: { memory: '1Gi' } },
    ],
    ['nodes', { podTemplate: { nodeSelector: { disk: 'ssd' } } }, `${POD}.nodeSelector`, { disk: 'ssd' }],
    ['another affinity', { podTemplate: { affinity: {} } }, `${POD}.affinity`, {}],
    ['another account', { podTemplate: { serviceAccountName: 'mine' } }, `${POD}.serviceAccountName`, 'mine'],
    [
      'the grace period',
      { podTemplate: { terminationGracePeriodSeconds: 90 } },
      `${POD}.terminationGracePeriodSeconds`,
      90,
    ],
    [
      'a spread, with the selector of the pods',
      {
        podTemplate: {
          topologySpreadConstraints: [{ maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' }],
        },
      },
      `${POD}.topologySpreadConstraints.0.labelSelector.matchLabels`,
      { 'etherply.io/cluster': 'demo', 'app.kubernetes.io/component': 'sync-pod' },
    ],
    [
      'labels, which do not replace those of the operator',
      { podTemplate: { labels: { team: 'a', 'etherply.io/cluster': 'other' } } },
      'spec.template.metadata.labels',
      {
        team: 'a',
        'app.kubernetes.io/name': 'etherply',
        'app.kubernetes.io/instance': 'demo',
        'app.kubernetes.io/component': 'sync-pod',
        'app.kubernetes.io/managed-by': 'etherply-operator',
        'etherply.io/cluster': 'demo',
      },
    ],
  ])('has %s', (_, written, path, expected) => {
    expect(at(statefulSet(written), path)).toEqual(expected);
  });

  test('has the files for NATS from their Secrets', () => {
    const external = {
      ...EXTERNAL,
      credentials: { nkeyRef: { name: 'seed' } },
      tls: { caRef: { name: 'ca' }, certificateRef: { name: 'cert' } },
    };
    expect(at(statefulSet({ nats: { external } }), `${POD}.volumes.0.projected.sources`)).toEqual([
      { secret: { name: 'seed', items: [{ key: 'nkey', path: 'nkey' }] } },
      { secret: { name: 'ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { secret: { name: 'cert', items: [{ key: 'tls.crt', path: 'tls.crt' }] } },
      { secret: { name: 'cert', items: [{ key: 'tls.key', path: 'tls.key' }] } },
    ]);
  });

  test('further variables stand in place of those of the operator', () => {
    const env = [
      { name: 'ETHERPLY_LOG_LEVEL', value: 'trace' },
      { name: 'ETHERPLY_PING_SECONDS', value: '20' },
    ];
    const all = at(statefulSet({ podTemplate: { env } }), `${CONTAINER}.env`);
    expect(all).toEqual(expect.arrayContaining(env));
    const names = environmentOf(clusterOf()).map(({ name }) => name);
    expect(all).toHaveLength(names.length + 1);
  });
});

describe('pods are made anew', () => {
  test.each<[what: string, written: Written]>([
    ['how long the stream keeps messages', { stream: { maxAge: '720h' } }],
    ['how much it keeps', { stream: { maxBytes: '5Gi' } }],
    ['for how long it knows duplicates', { stream: { duplicateWindow: '60s' } }],
    ['what happens to it in the end', { stream: { deletion: 'Delete' } }],
    ['the number of pods', { replicas: 7 }],
    ['the size of volumes', { storage: { size: '20Gi' } }],
    ['the router', { ingress: { host: 'sync.example', router: { replicas: 3 } } }],
    ['autoscaling', { autoscaling: {} }],
    ['who may reach them', { networkPolicy: { enabled: false } }],
    ['how they are watched', { monitoring: { podMonitor: false } }],
    ['managed NATS servers', { nats: { managed: { image: 'nats:2.13-alpine', syncAlways: true } } }],
  ])('not when %s changes', (_, written) => {
    expect(templateOf(written)).toEqual(templateOf());
  });

  test.each<[what: string, written: Written]>([
    ['the strategy', { strategy: 'lww' }],
    ['a limit', { limits: { maxConnections: 1 } }],
    ['a Secret that is referred to', { auth: { secretRef: { name: 'other' } } }],
    ['the shards', { storage: { shards: 2 } }],
    ['files for NATS', { nats: { external: { ...EXTERNAL, tls: { caRef: { name: 'ca' } } } } }],
    ['a further variable', { podTemplate: { env: [{ name: 'A', value: 'b' }] } }],
  ])('with another hash of the configuration when %s changes', (_, written) => {
    expect(hashes(written)[0]).not.toBe(hashes()[0]);
  });

  test('but the hash of the configuration is the same when only the image or the resources change', () => {
    const written = { image: { tag: '2' }, podTemplate: { resources: {} } };
    expect(templateOf(written)).not.toEqual(templateOf());
    expect(hashes(written)).toEqual(hashes());
  });

  test.each(['demo-auth', 'demo-control', 'demo-nats'])('when what is in the Secret %s changes', (name) => {
    const secrets = new Map(circumstancesOf().secrets).set(name, { keys: new Set(), hash: 'new' });
    const [config, secretsHash] = hashes({}, { secrets });
    expect(config).toBe(hashes()[0]);
    expect(secretsHash).not.toBe(hashes()[1]);
  });

  test('not when a Secret changes that they take nothing of', () => {
    const secrets = new Map(circumstancesOf().secrets).set('another', { keys: new Set(), hash: 'new' });
    expect(hashes({}, { secrets })).toEqual(hashes());
  });
});

describe('the Services', () => {
  test('give each pod a name before it is ready', () => {
    expect(objectOf('Service/demo-pods')).toMatchObject({
      spec: {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        selector: { 'etherply.io/cluster': 'demo', 'app.kubernetes.io/component': 'sync-pod' },
      },
    });
  });

  test.each([
    ['router', 'router', {}],
    ['none', 'sync-pod', {}],
    ['haproxy-ingress', 'sync-pod', { host: 'sync.example' }],
    ['gatewayAPI', 'sync-pod', { gateway: { name: 'gate' } }],
  ])('bring clients in mode %s to the %s', (mode, component, rest) => {
    expect(objectOf('Service/demo', { ingress: { mode, ...rest } })).toMatchObject({
      spec: { type: 'ClusterIP', selector: { 'app.kubernetes.io/component': component }, ports: [{ port: 8080 }] },
    });
  });

  test('can be a load balancer, which tells the addresses of clients', () => {
    const service = { type: 'LoadBalancer', annotations: { a: 'b' } };
    expect(objectOf('Service/demo', { ingress: { service } })).toMatchObject({
      metadata: { annotations: { a: 'b' } },
      spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
    });
  });
});

test('the ServiceAccount has no token, for pods do not talk to Kubernetes', () => {
  expect(objectOf('ServiceAccount/demo')).toMatchObject({ automountServiceAccountToken: false });
});
